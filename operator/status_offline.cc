#include "operator/status_offline.h"

#include <algorithm>
#include <vector>

#include "common/base/duration_text.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

using kube::Json;

std::vector<const PodView*> out_of_fleet(const Observed& seen) {
  std::vector<const PodView*> pods;
  for (const PodView& pod : seen.pods) {
    if (pod.health && is_live(pod)) pods.push_back(&pod);
  }
  std::stable_sort(pods.begin(), pods.end(),
                   [](const PodView* a, const PodView* b) { return a->health->since < b->health->since; });
  return pods;
}

/// What ends the phase.
std::string waits_for(const HealthRecord& record, const GatewaySpec& spec) {
  switch (record.phase) {
    case HealthPhase::kOffline:
      return std::to_string(spec.healing.successes) + " probes in a row; replaced after " +
             format_rfc3339(record.since + spec.healing.replace_after);
    case HealthPhase::kPendingRejoin:
      return "traffic from " + format_rfc3339(record.phase_since + spec.healing.observe) + " on";
    case HealthPhase::kGrayTraffic:
      return "handshakes that hold at " + std::to_string(record.percent) + "% of the rate of arrivals";
  }
  return {};
}

}  // namespace

Json offline_json(const Observed& seen, const GatewaySpec& spec) {
  Json list = Json::array();
  for (const PodView* pod : out_of_fleet(seen)) {
    if (list.size() == kStatusOfflineMax) break;
    const HealthRecord& record = *pod->health;
    Json entry{{"pod", pod->name},
               {"uid", pod->uid},
               {"event", to_string(record.event)},
               {"severity", record.severity},
               {"phase", to_string(record.phase)},
               {"since", format_rfc3339(record.since)},
               {"phaseSince", format_rfc3339(record.phase_since)},
               {"waitsFor", waits_for(record, spec)}};
    if (record.phase == HealthPhase::kGrayTraffic) entry["percent"] = record.percent;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string offline_sentence(const Observed& seen, const GatewaySpec& spec) {
  const auto pods = out_of_fleet(seen);
  if (pods.empty()) return {};
  const HealthRecord& first = *pods.front()->health;
  std::string sentence = pods.front()->name + " is " + to_string(first.phase) + ", out since " +
                         format_rfc3339(first.since) + " (" + to_string(first.event) + ", severity " +
                         std::to_string(first.severity) + "), and waits for " + waits_for(first, spec);
  if (pods.size() > 1) sentence += "; and " + std::to_string(pods.size() - 1) + " more";
  return sentence;
}

Condition offline_condition(const Observed& seen, const Plan& plan, const GatewaySpec& spec) {
  const std::string out = offline_sentence(seen, spec);
  if (!plan.kicks_held.empty()) {
    return {"PodsOffline", !out.empty(), "KickHeld", plan.kicks_held + (out.empty() ? "" : "; " + out)};
  }
  if (!out.empty()) return {"PodsOffline", true, "OutOfTheFleet", out};
  return {"PodsOffline", false, "NoneOffline", "every pod answers"};
}

Json rebalance_json(const Observed& seen, const GatewaySpec& spec, const Plan& plan) {
  Json pods = Json::array();
  for (const PodView& pod : seen.pods) {
    if (plan.rebalanced.contains(pod.uid) && pods.size() < kStatusOfflineMax) pods.push_back(pod.name);
  }
  const bool moves = spec.rebalance.type == RebalanceType::kMove;
  return {{"phase", pods.empty() ? "None" : moves ? "Move" : "Arrivals"}, {"pods", std::move(pods)}};
}

}  // namespace sluice::op
