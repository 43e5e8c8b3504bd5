#include "operator/healing.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "common/base/duration_text.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

constexpr int kKickFrom = 3;     ///< Severity.
constexpr int kRelapseFrom = 2;  ///< A pod on its way back gets less patience.

std::string seconds(Duration time) {
  return format_duration(std::chrono::floor<std::chrono::seconds>(time));
}

bool serves(const PodView& pod) {
  return pod.ready && !pod.health && pod.state && is_live(pod);
}

class Healing {
 public:
  Healing(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan)
      : pods_(pods),
        seen_(seen),
        spec_(spec),
        now_(now),
        plan_(plan),
        touched_(touched_by(plan)),
        cut_off_(cut_off(seen)) {}

  void run() {
    for (const PodView* pod : pods_.live) {
      // One that is about to drain is out until that is written, and the write may fail.
      if (pod->health) ++out_;
      if (touched_.contains(pod->uid)) continue;
      if (pod->health) {
        watch(*pod);
        follow(*pod);
      } else if (auto heard = judge(*pod, spec_)) {
        watch(*pod);
        wake_for(*pod);
        if (heard->severity >= kKickFrom) suspects_.push_back({pod, *std::move(heard)});
      }
    }
    kick();
    probe();
  }

 private:
  struct Suspect {
    const PodView* pod;
    Heard heard;
  };

  void watch(const PodView& pod) {
    if (plan_.watched.size() < static_cast<std::size_t>(kWatchedMax)) plan_.watched.insert(pod.uid);
  }

  /// Polls that fail are no news; time makes them worse.
  void wake_for(const PodView& pod) {
    if (pod.failing_for && *pod.failing_for < spec_.healing.timeout) {
      plan_.wake_within(spec_.healing.timeout - *pod.failing_for);
    }
  }

  void set(const PodView& pod, std::optional<HealthRecord> record, HealthNews news, std::string why) {
    plan_.health.push_back({.pod = ref_to(pod), .record = std::move(record), .news = news, .why = std::move(why)});
  }

  /// The worst first, as far as the limit goes.
  void kick() {
    std::stable_sort(suspects_.begin(), suspects_.end(), [](const Suspect& a, const Suspect& b) {
      const auto order = [](const Suspect& s) {
        return std::make_tuple(-s.heard.severity, -s.pod->failing_for.value_or(Duration(0)).count());
      };
      return order(a) < order(b);
    });
    const int most = kicked_max(spec_, static_cast<int>(pods_.live.size()));
    for (const Suspect& suspect : suspects_) {
      const PodView& pod = *suspect.pod;
      const std::string who = pod.name + " stays (" + to_string(suspect.heard.event) + ", severity " +
                              std::to_string(suspect.heard.severity) + ": " + suspect.heard.why + "): ";
      if (cut_off_) {
        hold(who + "more than half of all polls fail, so the operator itself may be cut off");
      } else if (out_ >= most) {
        hold(who + std::to_string(out_) + " of " + std::to_string(pods_.live.size()) +
             " pods are out, and spec.healing.maxKickedPercent (" + std::to_string(spec_.healing.kicked_percent_max) +
             ") allows no more");
      } else {
        ++out_;
        set(pod,
            HealthRecord{.event = suspect.heard.event,
                         .severity = suspect.heard.severity,
                         .since = now_,
                         .phase = HealthPhase::kOffline,
                         .phase_since = now_},
            HealthNews::kKicked, suspect.heard.why);
      }
    }
  }

  void hold(std::string why) {
    if (plan_.kicks_held.empty()) plan_.kicks_held = std::move(why);
  }

  void follow(const PodView& pod) {
    const auto heard = judge(pod, spec_);
    switch (pod.health->phase) {
      case HealthPhase::kOffline:
        return await_probes(pod, heard);
      case HealthPhase::kPendingRejoin:
        if (!relapsed(pod, heard)) observe(pod, heard);
        return;
      case HealthPhase::kGrayTraffic:
        if (!relapsed(pod, heard)) grow(pod);
        return;
    }
  }

  void await_probes(const PodView& pod, const std::optional<Heard>& heard) {
    const Duration left = pod.health->since + spec_.healing.replace_after - now_;
    if (left > Duration(0)) plan_.wake_within(left);
    if (pod.container != ContainerState::kRunning || pod.address.empty()) return;
    if (pod.probe_successes < spec_.healing.successes) {
      probed_.push_back(&pod);
      return;
    }
    // The kubelet and the admin API must have seen it come back, too: else it would relapse at once.
    if (!pod.ready || heard || !pod.state) return plan_.wake_within(kPollWatched);
    HealthRecord record = *pod.health;
    record.phase = HealthPhase::kPendingRejoin;
    record.phase_since = now_;
    set(pod, record, HealthNews::kRejoining, std::to_string(pod.probe_successes) + " probes in a row have succeeded");
  }

  /// Writes so, too. While we are cut off nothing can be said.
  bool relapsed(const PodView& pod, const std::optional<Heard>& heard) {
    const bool unwell = (heard && heard->severity >= kRelapseFrom) || !pod.ready;
    if (!unwell) return false;
    if (cut_off_) {
      plan_.wake_within(kPollWatched);
      return true;
    }
    const HealthRecord record{.event = heard ? heard->event : pod.health->event,
                              .severity = std::max(kKickFrom, heard ? heard->severity : 0),
                              .since = pod.health->since,
                              .phase = HealthPhase::kOffline,
                              .phase_since = now_};
    set(pod, record, HealthNews::kRelapsed, heard ? heard->why : "the kubelet says not ready");
    return true;
  }

  void observe(const PodView& pod, const std::optional<Heard>& heard) {
    const Duration left = std::chrono::ceil<Duration>(pod.health->phase_since + spec_.healing.observe - now_);
    if (left > Duration(0)) return plan_.wake_within(left);
    if (heard || !pod.state_fresh(kStateFresh)) return plan_.wake_within(kPollWatched);
    begin_interval(pod, spec_.healing.gray_percent, HealthNews::kGray,
                   "it has answered for " + seconds(spec_.healing.observe));
  }

  void begin_interval(const PodView& pod, int percent, HealthNews news, std::string why) {
    HealthRecord record = *pod.health;
    record.phase = HealthPhase::kGrayTraffic;
    record.phase_since = now_;
    record.percent = std::min(percent, 100);
    record.opened = pod.state->opened;
    record.ok = pod.state->totals.handshakes_ok;
    record.failed = pod.state->totals.handshakes_failed;
    set(pod, record, news, std::move(why));
  }

  /// Whether clients find somebody beside `pod`: a share of what nobody else takes is all of it.
  [[nodiscard]] bool others_receive(const PodView& pod) const {
    return std::any_of(pods_.live.begin(), pods_.live.end(), [&](const PodView* other) {
      return other != &pod && is_receiver(*other) && !touched_.contains(other->uid) &&
             !plan_.traffic_off.contains(other->uid);
    });
  }

  /// Its share is spent, or its interval over, or neither yet.
  void grow(const PodView& pod) {
    const HealthRecord& record = *pod.health;
    const Duration left = std::chrono::ceil<Duration>(record.phase_since + gray_interval(spec_) - now_);
    const bool spent = pod.state && others_receive(pod) &&
                       pod.state->opened - record.opened >= gray_share(spec_, seen_, record.percent);
    if (left > Duration(0)) {
      if (spent) plan_.traffic_off.insert(pod.uid);
      return plan_.wake_within(left);
    }
    // The interval is judged by an answer from after its end.
    if (!pod.state || pod.state_age >= -left || pod.failure_age) {
      if (spent) plan_.traffic_off.insert(pod.uid);
      return plan_.wake_within(kPollWatched);
    }
    if (const std::string flaw = flaw_of(pod); !flaw.empty()) {
      return begin_interval(pod, record.percent, HealthNews::kHeld, flaw);
    }
    if (record.percent >= 100) {
      return set(pod, std::nullopt, HealthNews::kBack, "its handshakes held at 100% of the rate of arrivals");
    }
    begin_interval(pod, record.percent * 2, HealthNews::kGrows,
                   "its handshakes held at " + std::to_string(record.percent) + "%");
  }

  /// Why the pod's share may not grow; empty where it may.
  [[nodiscard]] std::string flaw_of(const PodView& pod) const {
    const std::int64_t failed = pod.state->totals.handshakes_failed - pod.health->failed;
    const std::int64_t all = pod.state->totals.handshakes_ok - pod.health->ok + failed;
    if (failed > 0 && failed * 100 > all * kGrayFailuresPercentMax) {
      return std::to_string(failed) + " of " + std::to_string(all) + " handshakes failed";
    }
    const double p99_max = std::chrono::duration<double>(spec_.budget.handshake_p99_max).count();
    if (all > 0 && pod.state->handshake_p99_seconds > p99_max) {
      return "its handshakes are slower than spec.reconnectBudget.handshakeP99Max";
    }
    return {};
  }

  /// Those with a success go on first, so that one pod comes back before the next is begun with; then the one whose
  /// last probe is the longest ago.
  void probe() {
    const auto offline = count_if(
        pods_.live, [](const PodView& pod) { return pod.health && pod.health->phase == HealthPhase::kOffline; });
    int room = std::max(1, offline * spec_.healing.probe_percent / 100);
    std::stable_sort(probed_.begin(), probed_.end(), [](const PodView* a, const PodView* b) {
      const auto order = [](const PodView* pod) {
        return std::make_tuple(-pod->probe_successes, -pod->probed_ago.value_or(Duration::max()).count());
      };
      return order(a) < order(b);
    });
    for (const PodView* pod : probed_) {
      if (pod->probed_ago && *pod->probed_ago < kProbeEvery) {
        --room;
        plan_.wake_within(kProbeEvery - *pod->probed_ago);
      }
    }
    for (const PodView* pod : probed_) {
      if (room <= 0) break;
      if (pod->probed_ago && *pod->probed_ago < kProbeEvery) continue;
      --room;
      plan_.probes.push_back({pod->uid, pod->address_of(pod->ws_port), pod->address_of(pod->wss_port),
                              pod->address_of(pod->metrics_port)});
      plan_.wake_within(kProbeEvery);
    }
  }

  const SortedPods& pods_;
  const Observed& seen_;
  const GatewaySpec& spec_;
  const WallTime now_;
  Plan& plan_;
  const std::set<std::string> touched_;
  const bool cut_off_;

  std::vector<Suspect> suspects_;
  std::vector<const PodView*> probed_;
  int out_ = 0;  ///< Pods that are out, or on their way back.
};

}  // namespace

std::optional<Heard> judge(const PodView& pod, const GatewaySpec& spec) {
  if (pod.container == ContainerState::kStopped && pod.backing_off) {
    return Heard{HealthEvent::kConnectionLost, 5, "its container keeps ending, and the kubelet backs off"};
  }
  if (pod.container != ContainerState::kRunning || pod.finished || !pod.failing_for) return std::nullopt;
  const std::string silent = "no answer for " + seconds(*pod.failing_for);
  const bool long_silent = *pod.failing_for >= spec.healing.timeout;
  if (long_silent && !pod.node_ready) {
    return Heard{HealthEvent::kHeartbeatTimeout, 4, silent + ", and its node is not ready"};
  }
  if (pod.refused) {
    const bool agreed = !pod.ready && pod.state;
    return Heard{HealthEvent::kConnectionLost, agreed ? 3 : 2,
                 std::string("connections are refused or cut") + (agreed ? ", and the kubelet says not ready" : "")};
  }
  if (long_silent && !pod.ready) {
    return Heard{HealthEvent::kHeartbeatTimeout, 3, silent + ", and the kubelet says not ready"};
  }
  return Heard{HealthEvent::kHeartbeatTimeout, pod.failures >= kMissedPolls ? 2 : 1, silent};
}

int kicked_max(const GatewaySpec& spec, int pods) {
  const int percent = spec.healing.kicked_percent_max;
  if (percent == 0 || pods < 2) return 0;
  return std::max(1, static_cast<int>(std::int64_t{pods} * percent / 100));
}

bool cut_off(const Observed& seen) {
  return seen.polls_failing * 2 > seen.polled;
}

Duration gray_interval(const GatewaySpec& spec) {
  return std::clamp(spec.healing.observe / 4, kGrayIntervalMin, kGrayIntervalMax);
}

std::int64_t gray_share(const GatewaySpec& spec, const Observed& seen, int percent) {
  double per_second = 0;
  int pods = 0;
  for (const PodView& pod : seen.pods) {
    if (!serves(pod)) continue;
    per_second += pod.state->accepted_per_second;
    ++pods;
  }
  if (pods > 0) per_second /= pods;
  const double interval_seconds = std::chrono::duration<double>(gray_interval(spec)).count();
  return std::max<std::int64_t>(1, std::llround(per_second * interval_seconds * percent / 100));
}

bool past_saving(const PodView& pod, const GatewaySpec& spec, WallTime now) {
  return pod.health && pod.health->phase == HealthPhase::kOffline &&
         now - pod.health->since >= spec.healing.replace_after;
}

void plan_healing(const SortedPods& pods, const Observed& seen, const GatewaySpec& spec, WallTime now, Plan& plan) {
  Healing(pods, seen, spec, now, plan).run();
}

}  // namespace sluice::op
