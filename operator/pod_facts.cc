#include "operator/pod_facts.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "common/base/duration_text.h"
#include "operator/names.h"
#include "operator/ownership.h"

namespace sluice::op {
namespace {

using kube::entry_named;
using kube::Json;

WallTime time_at(const Json& object, const char* pointer) {
  return parse_rfc3339(kube::text_at(object, pointer)).value_or(WallTime{});
}

/// Source: k8s.io/kubernetes, pkg/kubelet/images and kuberuntime, ErrCrashLoopBackOff.
constexpr const char* kBackOff = "CrashLoopBackOff";

/// In doubt a container runs: only what surely holds no connection may be taken for empty.
ContainerState container_state(const Json& pod) {
  const bool pending = kube::text_at(pod, "/status/phase", "Pending") == "Pending";
  const Json& status = entry_named(kube::at_pointer(pod, "/status/containerStatuses"), "name", kContainerName);
  if (status.is_null()) return pending ? ContainerState::kNeverStarted : ContainerState::kRunning;
  const Json& state = kube::at_pointer(status, "/state");
  if (state.contains("terminated")) return ContainerState::kStopped;
  if (!state.contains("waiting")) return ContainerState::kRunning;
  const bool ran =
      kube::integer_at(status, "/restartCount", 0) > 0 || status.contains("/lastState/terminated"_json_pointer);
  return ran ? ContainerState::kStopped : ContainerState::kNeverStarted;
}

/// A pod that no node has taken yet waits for the scheduler.
std::string waits_for(const Json& pod) {
  if (kube::text_at(pod, "/spec/nodeName").empty()) return "Unscheduled";
  const Json& status = entry_named(kube::at_pointer(pod, "/status/containerStatuses"), "name", kContainerName);
  return kube::text_at(status, "/state/waiting/reason");
}

/// Of the gateway's container, by name.
int port_of(const Json& pod, const char* name, int otherwise) {
  const Json& container = entry_named(kube::at_pointer(pod, "/spec/containers"), "name", kContainerName);
  const Json& port = entry_named(kube::at_pointer(container, "/ports"), "name", name);
  return static_cast<int>(kube::integer_at(port, "/containerPort", otherwise));
}

std::string admin_address(const Json& pod) {
  const std::string ip = kube::text_at(pod, "/status/podIP");
  if (ip.empty()) return {};
  const bool v6 = ip.find(':') != std::string::npos;
  return (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port_of(pod, "admin", kAdminPort));
}

/// A number >= 0 and nothing else.
std::optional<double> parse_session_cost(std::string_view text) {
  double cost = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cost);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !std::isfinite(cost) || cost < 0) return std::nullopt;
  return cost;
}

using Kind = kube::ProtobufField::Kind;
using Field = kube::ProtobufField;

constexpr kube::ProtobufMessage kNothing{};
constexpr std::array<Field, 1> kWaitingFields{{{1, "reason", Kind::kText}}};
constexpr kube::ProtobufMessage kWaiting{kWaitingFields};
constexpr std::array<Field, 2> kStateFields{
    {{1, "waiting", Kind::kMessage, &kWaiting}, {3, "terminated", Kind::kMessage, &kNothing}}};
constexpr kube::ProtobufMessage kState{kStateFields};
constexpr std::array<Field, 4> kContainerStatusFields{{{1, "name", Kind::kText},
                                                       {2, "state", Kind::kMessage, &kState},
                                                       {3, "lastState", Kind::kMessage, &kState},
                                                       {5, "restartCount", Kind::kInteger32}}};
constexpr kube::ProtobufMessage kContainerStatus{kContainerStatusFields};
constexpr std::array<Field, 3> kConditionFields{
    {{1, "type", Kind::kText}, {2, "status", Kind::kText}, {4, "lastTransitionTime", Kind::kTime}}};
constexpr kube::ProtobufMessage kCondition{kConditionFields};
constexpr std::array<Field, 4> kPodStatusFields{{{1, "phase", Kind::kText},
                                                 {2, "conditions", Kind::kMessages, &kCondition},
                                                 {6, "podIP", Kind::kText},
                                                 {8, "containerStatuses", Kind::kMessages, &kContainerStatus}}};
constexpr kube::ProtobufMessage kPodStatus{kPodStatusFields};
constexpr std::array<Field, 2> kPortFields{{{1, "name", Kind::kText}, {3, "containerPort", Kind::kInteger32}}};
constexpr kube::ProtobufMessage kPort{kPortFields};
constexpr std::array<Field, 2> kContainerFields{{{1, "name", Kind::kText}, {6, "ports", Kind::kMessages, &kPort}}};
constexpr kube::ProtobufMessage kContainer{kContainerFields};
constexpr std::array<Field, 2> kPodSpecFields{
    {{2, "containers", Kind::kMessages, &kContainer}, {10, "nodeName", Kind::kText}}};
constexpr kube::ProtobufMessage kPodSpec{kPodSpecFields};
constexpr std::array<Field, 3> kPodFields{{{1, "metadata", Kind::kMessage, &kube::kObjectMeta},
                                           {2, "spec", Kind::kMessage, &kPodSpec},
                                           {3, "status", Kind::kMessage, &kPodStatus}}};

}  // namespace

const kube::ProtobufMessage kSlimPod{kPodFields};

PodFacts facts_of(const Json& pod) {
  const Json& ready = entry_named(kube::at_pointer(pod, "/status/conditions"), "type", "Ready");
  const std::string phase = kube::text_at(pod, "/status/phase");
  const Json& annotations = kube::at_pointer(pod, "/metadata/annotations");
  const auto annotated = [&](const char* name) { return annotations.is_object() && annotations.contains(name); };

  PodFacts facts;
  facts.ns = kube::namespace_of(pod);
  facts.name = kube::name_of(pod);
  facts.uid = kube::uid_of(pod);
  facts.resource_version = kube::resource_version_of(pod);
  facts.gateway_label = kube::label_of(pod, kGatewayLabel);
  facts.owner_uid = controller_uid(pod);
  facts.revision = kube::label_of(pod, kRevisionLabel);
  facts.state_label = kube::label_of(pod, kStateLabel);
  facts.traffic_label = kube::label_of(pod, kTrafficLabel);
  facts.address = admin_address(pod);
  facts.ws_port = port_of(pod, "ws", kWebSocketPort);
  facts.wss_port = port_of(pod, "wss", kWebSocketTlsPort);
  facts.metrics_port = port_of(pod, "metrics", kMetricsPort);
  facts.node = kube::text_at(pod, "/spec/nodeName");
  facts.created = time_at(pod, "/metadata/creationTimestamp");
  facts.container = container_state(pod);
  facts.waits_for = waits_for(pod);
  facts.backing_off = facts.waits_for == kBackOff;
  facts.ready = kube::text_at(ready, "/status") == "True";
  facts.ready_since = time_at(ready, "/lastTransitionTime");
  facts.terminating = kube::is_deleting(pod);
  facts.killed_at = time_at(pod, "/metadata/deletionTimestamp");
  facts.grace = std::chrono::seconds(kube::integer_at(pod, "/metadata/deletionGracePeriodSeconds", 0));
  facts.finished = phase == "Failed" || phase == "Succeeded";
  facts.drain_annotated = annotated(kDrainAnnotation);
  facts.drain = decode_drain_record(kube::annotation_of(pod, kDrainAnnotation));
  facts.rate_recorded = decode_drain_rate(kube::annotation_of(pod, kRateAnnotation));
  facts.health_annotated = annotated(kHealthAnnotation);
  facts.health = decode_health_record(kube::annotation_of(pod, kHealthAnnotation));
  if (annotated(kSessionCostAnnotation)) {
    facts.session_cost = parse_session_cost(kube::annotation_of(pod, kSessionCostAnnotation));
    facts.session_cost_bad = !facts.session_cost;
  }
  return facts;
}

bool PodFacts::says_no_more_than(const PodFacts& other) const {
  PodFacts like = other;
  like.resource_version = resource_version;
  return *this == like;
}

std::string PodFacts::address_of(int port) const {
  return address.empty() ? std::string() : address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

std::string gateway_key_of(const PodFacts& pod) {
  return kube::make_key(pod.ns, pod.gateway_label);
}

}  // namespace sluice::op
