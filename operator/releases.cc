#include "operator/releases.h"

#include <algorithm>
#include <set>

#include "operator/limits.h"

namespace sluice::op {
namespace {

/// One part in so many of a grace period is kept for close handshakes; over so much of the rest connections are paced.
/// The gateway keeps to the same parts (gateway/drain/pacing.h, plan_termination).
constexpr int kGraceKept = 5;
constexpr double kGracePaced = 0.9;
/// The gateway's pace is so much slower than its rate (docs/design/0001-main-job.md).
constexpr double kPace = 1.05;
/// A wait this long is as good as for ever; more would overflow a time.
constexpr double kSecondsMax = 1e7;

Duration part_of(Duration whole, double part) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(whole.count()) * part));
}

Duration time_for(double connections, double rate) {
  return Duration(static_cast<Duration::rep>(std::min(connections / rate, kSecondsMax) * 1000));
}

std::optional<std::int64_t> connections_on(const PodView& pod) {
  if (!pod.state) return std::nullopt;
  return pod.state->drain ? pod.state->drain->remaining : pod.state->connections;
}

/// A deadline that closes nobody: the gateway takes no other word for "never".
WallTime never(WallTime started_at) {
  return started_at + std::chrono::hours(24 * 365);
}

/// Whether the deadline in its record closes what is left on a draining pod.
bool closes_at_deadline(const PodView& pod, const GatewaySpec& spec) {
  return pod.drain && !pod.drain->frozen_at && spec.drain.on_timeout == OnTimeout::kClose;
}

/// Connections/s that let all go within the time that is left.
double needed_by(const PodView& pod, const GatewaySpec& spec, WallTime now) {
  const auto left = connections_on(pod);
  if (!pod.terminating || !left) return 0;
  const double seconds = kGracePaced * std::chrono::duration<double>(release_deadline(pod, spec) - now).count();
  return kPace * static_cast<double>(*left) / std::max(seconds, 1.0);
}

/// What counts beside the drains: a rate whose drain was just taken back, or whose record cannot be read.
double reserved_by_others(const Observed& seen, const std::vector<Release>& releases) {
  std::set<const PodView*> listed;
  for (const Release& release : releases) listed.insert(release.pod);
  double reserved = 0;
  for (const PodView& pod : seen.pods) {
    if (!listed.contains(&pod) && may_release(pod)) reserved += pod.rate_possible;
  }
  return reserved;
}

/// What is left of the propagation delay, or of a jitter that began with the drain.
Duration until(const PodView& pod, Duration after_start, WallTime now) {
  if (!pod.drain || pod.terminating) return Duration(0);
  return std::max<Duration>(pod.drain->started_at + after_start - now, Duration(0));
}

std::optional<WallTime> done_at(const Release& release, const GatewaySpec& spec, WallTime now) {
  if (!release.left || release.share < kRateLeast || release.phase == DrainPhase::kFrozen) return std::nullopt;
  const PodView& pod = *release.pod;
  const Duration spread = until(pod, spec.drain.propagation_delay + spec.drain.hint_jitter, now);
  const Duration paced = until(pod, spec.drain.propagation_delay, now) +
                         time_for(kPace * static_cast<double>(*release.left), release.share);
  return now + std::max(spread, paced);
}

}  // namespace

bool may_release(const PodView& pod) {
  return pod.container == ContainerState::kRunning && !pod.finished && !pod.terminating;
}

bool may_still_release(const PodView& pod, const GatewaySpec& spec, WallTime now) {
  if (!pod.terminating || pod.finished || pod.container != ContainerState::kRunning) return false;
  if (now >= pod.killed_at) return false;
  // Only a gateway that drains stays empty: a zero from before may be about another time.
  if (pod.state && pod.state->drain && pod.state->connections == 0) return false;
  return !(closes_at_deadline(pod, spec) && now >= pod.drain->deadline);
}

WallTime release_deadline(const PodView& pod, const GatewaySpec& spec) {
  if (!pod.terminating) return pod.drain ? pod.drain->deadline : WallTime{};
  const WallTime grace_over = pod.killed_at - pod.grace / kGraceKept;
  return closes_at_deadline(pod, spec) ? std::min(pod.drain->deadline, grace_over) : grace_over;
}

bool out_of_reach(const PodView& pod) {
  return pod.address.empty() || (pod.failure_age && *pod.failure_age < kAdminRetry);
}

Releaser releaser_of(const PodView& pod, const GatewaySpec& spec, WallTime now) {
  Releaser releaser;
  releaser.pod = &pod;
  releaser.terms = {.reason = pod.drain ? to_string(pod.drain->reason) : kTerminatingReason,
                    .deadline = release_deadline(pod, spec),
                    .close_code = spec.drain.close_code,
                    .hint_jitter = spec.drain.hint_jitter};
  if (pod.terminating) {
    releaser.terms.hint_jitter =
        std::min(spec.drain.hint_jitter, part_of(pod.grace - pod.grace / kGraceKept, kGracePaced));
    releaser.needed = needed_by(pod, spec, now);
  } else if (spec.drain.on_timeout == OnTimeout::kWait) {
    releaser.terms.deadline = never(pod.drain->started_at);
  }
  return releaser;
}

BudgetShare share_of(const Releaser& releaser) {
  const PodView& pod = *releaser.pod;
  return {.left = static_cast<double>(connections_on(pod).value_or(0)),
          .rate = pod.rate_possible,
          .reachable = !out_of_reach(pod),
          .needed = releaser.needed};
}

double budget_now(const GatewaySpec& spec, const Observed& seen, WallTime now) {
  double needed = 0;
  for (const PodView& pod : seen.pods) {
    // Where nobody can tell it to hurry the others would get what it needs.
    if (may_still_release(pod, spec, now) && !out_of_reach(pod)) needed += needed_by(pod, spec, now);
  }
  return std::max(budget_of(spec, receivers_of(seen), seen.throttle), needed);
}

std::vector<Release> releases_of(const GatewaySpec& spec, const Observed& seen, WallTime now) {
  std::vector<Release> releases;
  for (const PodView& pod : seen.pods) {
    const DrainPhase phase = phase_of(pod, spec, now);
    if (phase == DrainPhase::kNone) continue;
    releases.push_back({.pod = &pod,
                        .phase = phase,
                        .deadline = release_deadline(pod, spec),
                        .left = connections_on(pod),
                        .done_at = {}});
  }
  const auto since = [](const Release& release) {
    const PodView& pod = *release.pod;
    return pod.drain ? pod.drain->started_at : pod.killed_at - pod.grace;
  };
  std::stable_sort(releases.begin(), releases.end(),
                   [&](const Release& a, const Release& b) { return since(a) < since(b); });

  std::vector<BudgetShare> shares;
  for (const Release& release : releases) {
    const bool ordered = release.phase != DrainPhase::kFrozen && release.phase != DrainPhase::kDrained;
    // Nobody knows how many one has that was never heard: it gets the part of one connection.
    shares.push_back(ordered ? share_of({release.pod, {}, needed_by(*release.pod, spec, now)})
                             : BudgetShare{.rate = release.pod->rate_possible, .reachable = false});
  }
  shares.push_back({.rate = reserved_by_others(seen, releases), .reachable = false});
  const std::vector<double> fair = fair_rates(budget_now(spec, seen, now), shares);
  for (std::size_t i = 0; i < releases.size(); ++i) {
    releases[i].share = fair[i];
    releases[i].done_at = done_at(releases[i], spec, now);
  }
  return releases;
}

double rate_in_effect(const Observed& seen, const GatewaySpec& spec, WallTime now) {
  double rate = 0;
  for (const PodView& pod : seen.pods) {
    if (may_release(pod) || may_still_release(pod, spec, now)) rate += pod.rate_possible;
  }
  return rate;
}

}  // namespace sluice::op
