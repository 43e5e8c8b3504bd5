#include "operator/canary_samples.h"

#include <algorithm>

#include "operator/plan.h"

namespace sluice::op {
namespace {

bool counts(const PodView& pod) {
  return is_live(pod) && pod.container == ContainerState::kRunning && pod.state;
}

bool has_fallen(const GatewayTotals& now, const GatewayTotals& before) {
  return now.handshakes_ok < before.handshakes_ok || now.handshakes_failed < before.handshakes_failed ||
         now.closes_clean < before.closes_clean || now.closes_abnormal < before.closes_abnormal ||
         now.resumes_ok < before.resumes_ok || now.resumes_failed < before.resumes_failed;
}

GatewayTotals since(const GatewayTotals& before, GatewayTotals now) {
  if (!has_fallen(now, before)) now -= before;
  return now;
}

}  // namespace

std::string canary_step_id(const CanaryProgress& progress) {
  return progress.revision + "/" + std::to_string(progress.step);
}

CanaryBaseline take_baseline(const std::vector<PodView>& pods, const CanaryProgress& progress, CanaryBaseline before) {
  const std::string step = canary_step_id(progress);
  if (before.step != step) before = {.step = step, .totals = {}};
  CanaryBaseline baseline{.step = step, .totals = {}};
  for (const PodView& pod : pods) {
    if (!counts(pod) || pod.revision == progress.revision) continue;
    const auto known = before.totals.find(pod.uid);
    const bool newer = pod.created > progress.since;
    baseline.totals[pod.uid] = known != before.totals.end() ? known->second
                               : newer                      ? GatewayTotals{}
                                                            : pod.state->totals;
  }
  return baseline;
}

CanarySamples sum_samples(const std::vector<PodView>& pods, const CanaryProgress& progress, const std::string& stable,
                          const CanaryBaseline& baseline) {
  const bool any_stable =
      std::any_of(pods.begin(), pods.end(), [&](const PodView& pod) { return counts(pod) && pod.revision == stable; });
  const bool comparable = baseline.step == canary_step_id(progress);
  CanarySamples samples;
  for (const PodView& pod : pods) {
    if (!counts(pod)) continue;
    if (pod.revision == progress.revision) {
      samples.canary += pod.state->totals;
    } else if (comparable && (!any_stable || pod.revision == stable)) {
      const auto before = baseline.totals.find(pod.uid);
      if (before != baseline.totals.end()) samples.stable += since(before->second, pod.state->totals);
    }
  }
  return samples;
}

}  // namespace sluice::op
