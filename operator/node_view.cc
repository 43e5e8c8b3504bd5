#include "operator/node_view.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

using kube::Json;

constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";
/// The taint that the node controller adds to what is cordoned.
constexpr std::string_view kCordonTaint = "node.kubernetes.io/unschedulable";
/// 2100-01-01: what is later is no time in seconds.
constexpr std::int64_t kSecondsMax = 4'102'444'800;
constexpr std::array<std::string_view, 3> kGoingTaints{
    "ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/disrupted"};

bool marks_going(const Json& taint) {
  const std::string key = kube::text_at(taint, "/key");
  return key == kCordonTaint || std::find(kGoingTaints.begin(), kGoingTaints.end(), key) != kGoingTaints.end();
}

std::optional<WallTime> marked_at(const Json& taint) {
  if (const auto added = parse_rfc3339(kube::text_at(taint, "/timeAdded"))) return added;
  const std::string value = kube::text_at(taint, "/value");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size() || seconds <= 0 || seconds > kSecondsMax) return {};
  return WallTime(std::chrono::seconds(seconds));
}

std::string ready_status(const Json& node) {
  const Json& conditions = kube::at_pointer(node, "/status/conditions");
  if (!conditions.is_array()) return {};
  for (const Json& condition : conditions) {
    if (kube::text_at(condition, "/type") == "Ready") return kube::text_at(condition, "/status");
  }
  return {};
}

using Kind = kube::ProtobufField::Kind;
using Field = kube::ProtobufField;

constexpr std::array<Field, 3> kTaintFields{
    {{1, "key", Kind::kText}, {2, "value", Kind::kText}, {4, "timeAdded", Kind::kTime}}};
constexpr kube::ProtobufMessage kTaint{kTaintFields};
constexpr std::array<Field, 2> kNodeSpecFields{
    {{4, "unschedulable", Kind::kBool}, {5, "taints", Kind::kMessages, &kTaint}}};
constexpr kube::ProtobufMessage kNodeSpec{kNodeSpecFields};
constexpr std::array<Field, 2> kConditionFields{{{1, "type", Kind::kText}, {2, "status", Kind::kText}}};
constexpr kube::ProtobufMessage kCondition{kConditionFields};
constexpr std::array<Field, 1> kNodeStatusFields{{{4, "conditions", Kind::kMessages, &kCondition}}};
constexpr kube::ProtobufMessage kNodeStatus{kNodeStatusFields};
constexpr std::array<Field, 3> kNodeFields{{{1, "metadata", Kind::kMessage, &kube::kObjectMeta},
                                            {2, "spec", Kind::kMessage, &kNodeSpec},
                                            {3, "status", Kind::kMessage, &kNodeStatus}}};

}  // namespace

const kube::ProtobufMessage kSlimNode{kNodeFields};

NodeView view_node(const Json& node) {
  NodeView view;
  view.name = kube::name_of(node);
  const std::string_view zone = kube::label_of(node, kZoneLabel);
  view.domain = zone.empty() ? view.name : std::string(zone);
  view.going = kube::bool_at(node, "/spec/unschedulable", false);
  for (const Json& taint : kube::at_pointer(node, "/spec/taints")) {
    if (!marks_going(taint)) continue;
    view.going = true;
    const auto at = marked_at(taint);
    if (at && (!view.going_since || *at > *view.going_since)) view.going_since = at;
  }
  view.ready = ready_status(node) == "True";
  return view;
}

}  // namespace sluice::op
