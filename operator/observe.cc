#include "operator/observe.h"

#include <algorithm>

#include "common/base/duration_text.h"
#include "operator/healing.h"
#include "operator/names.h"
#include "operator/ownership.h"
#include "operator/spec.h"

namespace sluice::op {
namespace {

using kube::Json;

// Source: k8s.io/apimachinery, metav1.FinalizerOrphanDependents and FinalizerDeleteDependents.
constexpr const char* kOrphanFinalizer = "orphan";
constexpr const char* kForegroundFinalizer = "foregroundDeletion";

CanaryProgress read_progress(const Json& gateway) {
  const Json& rollout = kube::at_pointer(gateway, "/status/rollout");
  CanaryProgress progress;
  const auto phase = parse_canary_phase(kube::text_at(rollout, "/phase"));
  if (!phase) return progress;
  progress.revision = kube::text_at(rollout, "/revision");
  progress.step = static_cast<int>(std::max<std::int64_t>(1, kube::integer_at(rollout, "/step", 1)) - 1);
  progress.phase = *phase;
  progress.since = parse_rfc3339(kube::text_at(rollout, "/since")).value_or(WallTime{});
  progress.message = kube::text_at(rollout, "/message");
  return progress;
}

/// Its node goes: that is where it was, whoever else asks for it. A pod that was made for a node that went already is
/// left alone: the next one would land there too.
std::optional<DrainReason> asked_to_go(const PodView& pod, const NodePtr& node, const Sources& sources, WallTime now) {
  if (node && node->going && (!node->going_since || pod.created <= *node->going_since)) return DrainReason::kNodeDrain;
  if (sources.asked_to_evict.contains(pod.uid)) return DrainReason::kEviction;
  if (sources.spec.scale_down.pods_to_drain.contains(pod.name)) return DrainReason::kRequested;
  if (past_saving(pod, sources.spec, now)) return DrainReason::kOffline;
  return std::nullopt;
}

}  // namespace

PodView view_pod(const PodFacts& facts, const HeardState& heard, Now now) {
  PodView view(facts);
  const auto age_of = [&](SteadyTime at) { return std::chrono::duration_cast<Duration>(now.steady - at); };
  view.state = heard.state;
  if (heard.state) view.state_age = age_of(heard.asked_at);
  if (heard.failed_at) view.failure_age = age_of(*heard.failed_at);
  if (heard.empty_since) view.empty_for = age_of(*heard.empty_since);
  view.last_count = heard.last_count;
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
  const Json& progressing = kube::entry_named(kube::at_pointer(gateway, "/status/conditions"), "type", "Progressing");
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
  seen.pods.reserve(sources.pods.size());
  for (const PodPtr& pod : sources.pods) {
    if (!pod->owned_by(seen.uid)) continue;
    PodView& view = seen.pods.emplace_back(view_pod(*pod, sources.heard(pod->uid), now));
    const NodePtr node = sources.node && !view.node.empty() ? sources.node(view.node) : nullptr;
    view.node_known = node != nullptr;
    if (node) view.domain = node->domain;
    if (node) view.node_ready = node->ready;
    if (sources.probed) {
      const ProbeCount probed = sources.probed(view.uid);
      view.probe_successes = probed.successes;
      if (probed.last) view.probed_ago = std::chrono::duration_cast<Duration>(now.steady - *probed.last);
    }
    view.asked_to_go = asked_to_go(view, node, sources, now.wall);
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
