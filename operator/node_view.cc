#include "operator/node_view.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace sluice::op {
namespace {

using kube::Json;

constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";
constexpr std::array<std::string_view, 3> kGoingTaints{
    "ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/disrupted"};

bool has_going_taint(const Json& node) {
  const Json& taints = kube::at_pointer(node, "/spec/taints");
  return taints.is_array() && std::any_of(taints.begin(), taints.end(), [](const Json& taint) {
           const std::string key = kube::text_at(taint, "/key");
           return std::find(kGoingTaints.begin(), kGoingTaints.end(), key) != kGoingTaints.end();
         });
}

std::string ready_status(const Json& node) {
  const Json& conditions = kube::at_pointer(node, "/status/conditions");
  if (!conditions.is_array()) return {};
  for (const Json& condition : conditions) {
    if (kube::text_at(condition, "/type") == "Ready") return kube::text_at(condition, "/status");
  }
  return {};
}

}  // namespace

void slim_node(Json& node) {
  const NodeView view = view_node(node);
  const std::string zone(kube::label_of(node, kZoneLabel));
  Json slim{{"apiVersion", "v1"},
            {"kind", "Node"},
            {"metadata",
             {{"name", view.name},
              {"uid", std::string(kube::uid_of(node))},
              {"resourceVersion", std::string(kube::resource_version_of(node))}}},
            {"spec", {{"unschedulable", view.going}}},
            {"status", {{"conditions", Json::array({{{"type", "Ready"}, {"status", ready_status(node)}}})}}}};
  if (!zone.empty()) slim["metadata"]["labels"] = {{kZoneLabel, zone}};
  node = std::move(slim);
}

NodeView view_node(const Json& node) {
  NodeView view;
  view.name = kube::name_of(node);
  const std::string_view zone = kube::label_of(node, kZoneLabel);
  view.domain = zone.empty() ? view.name : std::string(zone);
  view.going = kube::bool_at(node, "/spec/unschedulable", false) || has_going_taint(node);
  view.ready = ready_status(node) == "True";
  return view;
}

}  // namespace sluice::op
