#include "operator/observe.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/base/duration_text.h"
#include "operator/healing.h"
#include "operator/names.h"
#include "operator/spec.h"

namespace sluice::op {
namespace {

using kube::Json;

WallTime time_at(const Json& object, const char* pointer) {
  return parse_rfc3339(kube::text_at(object, pointer)).value_or(WallTime{});
}

/// The entry named `name` of a list, or a null.
const Json& entry_named(const Json& list, std::string_view key, std::string_view name) {
  static const Json kNull;
  if (!list.is_array()) return kNull;
  for (const Json& entry : list) {
    const auto it = entry.is_object() ? entry.find(key) : entry.end();
    if (entry.is_object() && it != entry.end() && it->is_string() && it->get_ref<const std::string&>() == name) {
      return entry;
    }
  }
  return kNull;
}

// Source: k8s.io/apimachinery, metav1.FinalizerOrphanDependents and FinalizerDeleteDependents.
constexpr const char* kOrphanFinalizer = "orphan";
constexpr const char* kForegroundFinalizer = "foregroundDeletion";

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

/// Where the gateway container's port of that name is reached; empty until the pod has an address.
std::string address_of(const Json& pod, const char* name, int otherwise) {
  const std::string ip = kube::text_at(pod, "/status/podIP");
  if (ip.empty()) return {};
  const Json& container = entry_named(kube::at_pointer(pod, "/spec/containers"), "name", kContainerName);
  const Json& port = entry_named(kube::at_pointer(container, "/ports"), "name", name);
  const auto number = kube::integer_at(port, "/containerPort", otherwise);
  const bool v6 = ip.find(':') != std::string::npos;
  return (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(number);
}

/// A number >= 0 and nothing else.
std::optional<double> parse_session_cost(std::string_view text) {
  double cost = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cost);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !std::isfinite(cost) || cost < 0) return std::nullopt;
  return cost;
}

void keep_only(Json& object, std::initializer_list<std::string_view> fields) {
  if (!object.is_object()) return;
  for (auto it = object.begin(); it != object.end();) {
    const bool kept = std::find(fields.begin(), fields.end(), it.key()) != fields.end();
    it = kept ? std::next(it) : object.erase(it);
  }
}

void keep_entries(Json& parent, const char* list, const char* key, std::string_view name,
                  std::initializer_list<std::string_view> fields) {
  const auto it = parent.find(list);
  if (it == parent.end()) return;
  Json entry = entry_named(*it, key, name);
  if (entry.is_null()) {
    parent.erase(it);
    return;
  }
  keep_only(entry, fields);
  *it = Json::array({std::move(entry)});
}

}  // namespace

void slim_pod(Json& pod) {
  if (!pod.is_object()) return;
  keep_only(pod, {"apiVersion", "kind", "metadata", "spec", "status"});
  if (pod.contains("metadata")) {
    Json& metadata = pod["metadata"];
    keep_only(metadata, {"name", "namespace", "uid", "resourceVersion", "labels", "annotations", "ownerReferences",
                         "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"});
    if (metadata.contains("annotations"))
      keep_only(metadata["annotations"],
                {kDrainAnnotation, kRateAnnotation, kSessionCostAnnotation, kHealthAnnotation});
  }
  if (pod.contains("spec")) {
    keep_only(pod["spec"], {"nodeName", "containers"});
    keep_entries(pod["spec"], "containers", "name", kContainerName, {"name", "ports"});
  }
  if (pod.contains("status")) {
    keep_only(pod["status"], {"phase", "podIP", "conditions", "containerStatuses"});
    keep_entries(pod["status"], "conditions", "type", "Ready", {"type", "status", "lastTransitionTime"});
    keep_entries(pod["status"], "containerStatuses", "name", kContainerName,
                 {"name", "state", "lastState", "restartCount"});
  }
}

std::string controller_uid(const Json& object) {
  const Json& references = kube::at_pointer(object, "/metadata/ownerReferences");
  if (!references.is_array()) return {};
  for (const Json& reference : references) {
    if (kube::bool_at(reference, "/controller", false)) return kube::text_at(reference, "/uid");
  }
  return {};
}

bool has_finalizer(const Json& object, const char* finalizer) {
  const Json& finalizers = kube::at_pointer(object, "/metadata/finalizers");
  return finalizers.is_array() && std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
}

bool owned_by(const Json& object, std::string_view owner_uid) {
  return !owner_uid.empty() && controller_uid(object) == owner_uid;
}

bool may_take(const Json& object, const Json& gateway) {
  const std::string owner = controller_uid(object);
  return owner.empty() ? kube::label_of(object, kGatewayLabel) == kube::name_of(gateway)
                       : owner == kube::uid_of(gateway);
}

PodView view_pod(const Json& pod, const HeardState& heard, Now now) {
  const Json& ready = entry_named(kube::at_pointer(pod, "/status/conditions"), "type", "Ready");
  const std::string phase = kube::text_at(pod, "/status/phase");
  const std::string drain(kube::annotation_of(pod, kDrainAnnotation));
  const Json& annotations = kube::at_pointer(pod, "/metadata/annotations");

  PodView view;
  view.name = kube::name_of(pod);
  view.uid = kube::uid_of(pod);
  view.resource_version = kube::resource_version_of(pod);
  view.revision = kube::label_of(pod, kRevisionLabel);
  view.state_label = kube::label_of(pod, kStateLabel);
  view.traffic_label = kube::label_of(pod, kTrafficLabel);
  view.address = address_of(pod, "admin", kAdminPort);
  view.ws_address = address_of(pod, "ws", kWebSocketPort);
  view.wss_address = address_of(pod, "wss", kWebSocketTlsPort);
  view.metrics_address = address_of(pod, "metrics", kMetricsPort);
  view.node = kube::text_at(pod, "/spec/nodeName");
  view.created = time_at(pod, "/metadata/creationTimestamp");
  view.container = container_state(pod);
  view.waits_for = waits_for(pod);
  view.backing_off = view.waits_for == kBackOff;
  view.ready = kube::text_at(ready, "/status") == "True";
  view.ready_since = time_at(ready, "/lastTransitionTime");
  view.terminating = kube::is_deleting(pod);
  view.killed_at = time_at(pod, "/metadata/deletionTimestamp");
  view.grace = std::chrono::seconds(kube::integer_at(pod, "/metadata/deletionGracePeriodSeconds", 0));
  view.finished = phase == "Failed" || phase == "Succeeded";
  view.drain_annotated = annotations.is_object() && annotations.contains(kDrainAnnotation);
  view.drain = decode_drain_record(drain);
  view.health_annotated = annotations.is_object() && annotations.contains(kHealthAnnotation);
  view.health = decode_health_record(kube::annotation_of(pod, kHealthAnnotation));

  if (annotations.is_object() && annotations.contains(kSessionCostAnnotation)) {
    view.session_cost = parse_session_cost(kube::annotation_of(pod, kSessionCostAnnotation));
    view.session_cost_bad = !view.session_cost;
  }

  const auto age_of = [&](SteadyTime at) { return std::chrono::duration_cast<Duration>(now.steady - at); };
  view.state = heard.state;
  if (heard.state) view.state_age = age_of(heard.asked_at);
  if (heard.failed_at) view.failure_age = age_of(*heard.failed_at);
  if (heard.empty_since) view.empty_for = age_of(*heard.empty_since);
  view.last_count = heard.last_count;
  view.rate_recorded = decode_drain_rate(kube::annotation_of(pod, kRateAnnotation));
  view.rate_possible = heard.state ? heard.rate_possible : std::max(heard.rate_possible, view.rate_recorded);
  view.ordered = heard.ordered;
  // A gateway that does not say how fast it sheds may do so as fast as it was allowed to.
  const bool sheds = heard.state && heard.state->shed && heard.state->shed->remaining > 0;
  if (sheds && heard.state->shed->rate == 0) view.rate_possible = std::max(view.rate_possible, view.rate_recorded);
  view.failures = heard.failures;
  if (heard.failing_since) view.failing_for = age_of(*heard.failing_since);
  view.refused = heard.refused;
  return view;
}

namespace {

CanaryProgress read_progress(const Json& gateway) {
  const Json& rollout = kube::at_pointer(gateway, "/status/rollout");
  CanaryProgress progress;
  const auto phase = parse_canary_phase(kube::text_at(rollout, "/phase"));
  if (!phase) return progress;
  progress.revision = kube::text_at(rollout, "/revision");
  progress.step = static_cast<int>(std::max<std::int64_t>(1, kube::integer_at(rollout, "/step", 1)) - 1);
  progress.phase = *phase;
  progress.since = time_at(rollout, "/since");
  progress.message = kube::text_at(rollout, "/message");
  return progress;
}

/// Its node goes: that is where it was, whoever else asks for it. A pod that was made for a node that went already is
/// left alone: the next one would land there too.
std::optional<DrainReason> asked_to_go(const PodView& pod, const std::optional<NodeView>& node, const Sources& sources,
                                       const GatewaySpec& spec, WallTime now) {
  if (node && node->going && (!node->going_since || pod.created <= *node->going_since)) return DrainReason::kNodeDrain;
  if (sources.asked_to_evict.contains(pod.uid)) return DrainReason::kEviction;
  if (spec.scale_down.pods_to_drain.contains(pod.name)) return DrainReason::kRequested;
  if (past_saving(pod, spec, now)) return DrainReason::kOffline;
  return std::nullopt;
}

}  // namespace

Observed observe(const Sources& sources, Now now) {
  const Json& gateway = sources.gateway;
  Observed seen;
  seen.ns = kube::namespace_of(gateway);
  seen.name = kube::name_of(gateway);
  seen.uid = kube::uid_of(gateway);
  seen.deleting = kube::is_deleting(gateway);
  seen.finalized = has_finalizer(gateway, kFinalizer);
  seen.foreground = seen.deleting && has_finalizer(gateway, kForegroundFinalizer);
  // The garbage collector takes its finalizer away once the pods are nobody's; our cache of them may be behind then.
  seen.orphaned = seen.deleting && (sources.orphaned || has_finalizer(gateway, kOrphanFinalizer));
  seen.revision = sources.revision;
  seen.former_revision = sources.former_revision;
  seen.current_revision = kube::text_at(gateway, "/status/currentRevision");
  seen.progress = sources.progress;
  seen.progress_age = sources.progress_age;
  const Json& progressing = entry_named(kube::at_pointer(gateway, "/status/conditions"), "type", "Progressing");
  seen.was_exceeded = kube::text_at(progressing, "/reason") == kDeadlineExceeded;
  seen.canary = read_progress(gateway);
  seen.promoted = kube::annotation_of(gateway, kPromoteAnnotation);
  seen.template_error = sources.template_error;
  seen.choosing_for = sources.choosing_for;
  seen.unsure = sources.unsure;
  seen.creates_held = sources.creates_held;
  seen.reversed_ago = sources.reversed_ago;
  seen.evictions_known = sources.evictions_known;
  seen.polled = sources.polls.heard;
  seen.polls_failing = sources.polls.failing;
  seen.rebalancing_for = sources.rebalancing_for;
  seen.rebalanced_ago = sources.rebalanced_ago;
  seen.taken_names = sources.taken_names;
  const GatewaySpec spec = parse_spec(gateway);
  for (const kube::Object& pod : sources.pods) {
    if (!owned_by(*pod, seen.uid)) continue;
    PodView& view = seen.pods.emplace_back(view_pod(*pod, sources.heard(std::string(kube::uid_of(*pod))), now));
    const auto node = sources.node && !view.node.empty() ? sources.node(view.node) : std::nullopt;
    view.node_known = node.has_value();
    if (node) view.domain = node->domain;
    if (node) view.node_ready = node->ready;
    if (sources.probed) {
      const ProbeCount probed = sources.probed(view.uid);
      view.probe_successes = probed.successes;
      if (probed.last) view.probed_ago = std::chrono::duration_cast<Duration>(now.steady - *probed.last);
    }
    view.asked_to_go = asked_to_go(view, node, sources, spec, now.wall);
  }
  std::sort(seen.pods.begin(), seen.pods.end(), [](const PodView& a, const PodView& b) { return a.name < b.name; });
  return seen;
}

bool keeps_children(const Observed& seen) {
  if (!seen.finalized || seen.orphaned) return false;
  if (!seen.deleting) return true;
  return !seen.foreground &&
         std::any_of(seen.pods.begin(), seen.pods.end(), [](const PodView& pod) { return !pod.terminating; });
}

}  // namespace sluice::op
