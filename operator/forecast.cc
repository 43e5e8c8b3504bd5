#include "operator/forecast.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "common/base/contract.h"
#include "operator/limits.h"
#include "operator/pod_state.h"

namespace sluice::op {
namespace {

/// Pods looked at, over all steps: some seconds of one core at most.
constexpr std::size_t kPodVisitsMax = 2'000'000;
constexpr std::size_t kStepsMin = 64;
constexpr std::size_t kStepsMax = 4096;
/// Times in a row that only the plan itself, and no drain, pod or hold, says when to look again.
constexpr int kIdleStepsMax = 8;
/// The gateway takes a twentieth longer than its rate alone (docs/design/0001-main-job.md).
constexpr double kPacing = 1.05;
/// Nobody waits longer for a drain than this.
constexpr double kSecondsMax = 1e7;

/// How fast a draining pod empties.
struct Motion {
  double left = 0;          ///< Connections.
  double speed = 0;         ///< Connections/s that go.
  WallTime finish{};        ///< When none is left; only where `speed` is not 0.
  std::int64_t moving = 0;  ///< At the begin: they land on others.
};

class Future {
 public:
  Future(const GatewaySpec& spec, const Observed& seen, WallTime now)
      : spec_(spec), seen_(seen), begin_(now), now_(now) {
    seen_.finalized = true;
    seen_.unsure = false;
    seen_.choosing_for = kStateFresh;
    for (PodView& pod : seen_.pods) prepare(pod);
  }

  Forecast run() {
    const std::size_t steps =
        std::clamp(kPodVisitsMax / std::max<std::size_t>(seen_.pods.size(), 1), kStepsMin, kStepsMax);
    int idle = 0;
    for (std::size_t step = 0; step < steps; ++step) {
      const Plan plan = plan_gateway(spec_, seen_, now_);
      seen_.canary = plan.canary.progress;
      out_.objection = plan.objection;
      out_.objection_reason = plan.objection_reason;
      if (carry_out(plan)) {
        out_.duration = std::chrono::duration_cast<Duration>(now_ - begin_);
        idle = 0;
        continue;
      }
      std::optional<WallTime> next = next_event();
      if (!next && plan.wake_after && ++idle <= kIdleStepsMax) next = now_ + std::max(*plan.wake_after, Duration(1));
      if (!next) {
        out_.complete = true;
        break;
      }
      advance(*next);
    }
    out_.live = static_cast<int>(std::count_if(seen_.pods.begin(), seen_.pods.end(), is_live));
    out_.receivers = receivers_of(seen_);
    return std::move(out_);
  }

 private:
  /// States count as fresh, and those that cannot be had as asked for in vain just now.
  void prepare(PodView& pod) {
    if (pod.state && !pod.failure_age) {
      pod.state_age = Duration(0);
    } else {
      pod.state_age = std::max(pod.state_age, kStateFresh + Duration(1));
      pod.failure_age = Duration(0);
    }
    if (!pod.drain || pod.terminating) return;
    ForecastDrain drain{.pod = pod.name, .node = pod.node, .revision = pod.revision, .reason = pod.drain->reason};
    drain.running = true;
    if (pod.state) drain.connections = pod.state->connections;
    if (pod.state && pod.state->drain) drain.rate = pod.state->drain->rate;
    note(pod, std::move(drain));
    if (pod.state && pod.state->drain && pod.rate_possible > 0) set_motion(pod, pod.rate_possible);
  }

  void note(const PodView& pod, ForecastDrain drain) {
    drain_of_[pod.uid] = out_.drains.size();
    out_.drains.push_back(std::move(drain));
    Motion& motion = motions_[pod.uid];
    motion.moving = pod.state && pod.container == ContainerState::kRunning ? pod.state->connections : 0;
    motion.left = static_cast<double>(motion.moving);
  }

  PodView* find(const std::string& uid) {
    const auto found =
        std::find_if(seen_.pods.begin(), seen_.pods.end(), [&](const PodView& p) { return p.uid == uid; });
    return found == seen_.pods.end() ? nullptr : &*found;
  }

  ForecastDrain* drain_of(const std::string& uid) {
    const auto found = drain_of_.find(uid);
    return found == drain_of_.end() ? nullptr : &out_.drains[found->second];
  }

  void set_motion(const PodView& pod, double rate) {
    Motion& motion = motions_[pod.uid];
    const auto jitter = pod.drain->started_at + spec_.drain.propagation_delay + spec_.drain.hint_jitter - now_;
    const double seconds = std::max(std::chrono::duration<double>(jitter).count(), kPacing * motion.left / rate);
    const auto time = Duration(static_cast<Duration::rep>(std::ceil(std::clamp(seconds, 0.0, kSecondsMax) * 1000)));
    motion.finish = now_ + std::max(time, Duration(1));
    motion.speed = motion.left / std::max(seconds, 0.001);
    if (ForecastDrain* drain = drain_of(pod.uid)) drain->rate = std::max(drain->rate, rate);
  }

  /// Whether anything has changed by it.
  bool carry_out(const Plan& plan) {
    bool acted = false;
    const auto each = [&](const auto& actions, auto&& what) {
      for (const auto& action : actions) {
        PodView* pod = find(action.pod.uid);
        if (pod == nullptr) continue;
        what(*pod, action);
        acted = true;
      }
    };
    each(plan.cancel, [&](PodView& pod, const CancelDrain&) { take_back(pod); });
    each(plan.start, [&](PodView& pod, const StartDrain& start) { begin_drain(pod, start); });
    each(plan.rewrite, [&](PodView& pod, const RewriteDrain& rewrite) { pod.drain = rewrite.record; });
    each(plan.record_rates, [&](PodView& pod, const RecordRate& rate) { pod.rate_recorded = rate.rate_per_second; });
    each(plan.orders, [&](PodView& pod, const DrainOrder& order) { obey(pod, order); });
    for (const DeletePod& remove : plan.remove) acted = end(remove) || acted;
    for (const NewPod& pod : plan.create) make(pod);
    return acted || !plan.create.empty();
  }

  void take_back(PodView& pod) {
    out_.taken_back.push_back(pod.name);
    if (ForecastDrain* drain = drain_of(pod.uid)) drain->ends = std::chrono::duration_cast<Duration>(now_ - begin_);
    stop_draining(pod);
    seen_.reversed_ago = Duration(0);
  }

  static void stop_draining(PodView& pod) {
    pod.drain_annotated = false;
    pod.drain.reset();
    label(pod, kStateActive, true);
    pod.rate_recorded = pod.rate_possible = 0;
    if (pod.state) pod.state->drain.reset();
  }

  void begin_drain(PodView& pod, const StartDrain& start) {
    if (!pod.drain_annotated) {
      note(pod, {.pod = pod.name,
                 .node = pod.node,
                 .revision = pod.revision,
                 .reason = start.record.reason,
                 .connections = pod.state ? std::optional(pod.state->connections) : std::nullopt,
                 .cost = start.cost,
                 .runner_up = start.runner_up,
                 .runner_up_cost = start.runner_up_cost,
                 .begins = std::chrono::duration_cast<Duration>(now_ - begin_)});
    }
    pod.drain_annotated = true;
    pod.drain = start.record;
    label(pod, kStateDraining, false);
  }

  void obey(PodView& pod, const DrainOrder& order) {
    if (!pod.state) pod.state.emplace();
    set_motion(pod, order.rate_per_second);
    const auto left = static_cast<std::int64_t>(std::ceil(motions_[pod.uid].left));
    pod.state->drain = GatewayDrain{.started_at = pod.drain ? pod.drain->started_at : now_,
                                    .reason = order.terms.reason,
                                    .deadline = order.terms.deadline,
                                    .initial = motions_[pod.uid].moving,
                                    .remaining = left,
                                    .rate = order.rate_per_second};
    pod.rate_possible = order.rate_per_second;
    pod.ordered = order.terms;
  }

  bool end(const DeletePod& remove) {
    const PodView* pod = find(remove.pod.uid);
    if (pod == nullptr) return false;
    std::int64_t moved = 0;
    if (ForecastDrain* drain = drain_of(pod->uid)) {
      drain->ends = std::chrono::duration_cast<Duration>(now_ - begin_);
      drain->outcome = remove.reason;
      if (remove.reason == DeleteReason::kTimedOut) drain->cut = remove.connections.value_or(0);
      moved = motions_[pod->uid].moving;
    } else {
      out_.deleted.push_back(pod->name);
    }
    seen_.pods.erase(seen_.pods.begin() + (pod - seen_.pods.data()));
    spread(moved);
    return true;
  }

  void spread(std::int64_t connections) {
    std::vector<PodView*> receivers;
    for (PodView& pod : seen_.pods) {
      if (is_live(pod) && pod.ready && pod.state) receivers.push_back(&pod);
    }
    auto left = static_cast<std::int64_t>(receivers.size());
    for (PodView* pod : receivers) {
      const std::int64_t part = connections / left--;
      pod->state->connections += part;
      if (pod->state->connections > 0) pod->empty_for.reset();
      connections -= part;
    }
  }

  void make(const NewPod& made) {
    PodView pod;
    pod.name = made.name;
    pod.uid = "forecast/" + made.name;
    pod.resource_version = "1";
    pod.revision = made.revision;
    pod.address = "forecast";
    pod.created = pod.ready_since = now_;
    pod.ready = true;
    pod.state.emplace();
    pod.empty_for = Duration(0);
    const auto place =
        std::lower_bound(seen_.pods.begin(), seen_.pods.end(), pod.name,
                         [](const PodView& other, const std::string& name) { return other.name < name; });
    seen_.pods.insert(place, std::move(pod));
    ++out_.created;
  }

  [[nodiscard]] std::optional<WallTime> next_event() const {
    std::optional<WallTime> next;
    const auto consider = [&](WallTime at) {
      if (at > now_ && (!next || at < *next)) next = at;
    };
    for (const PodView& pod : seen_.pods) {
      if (pod.ready) consider(pod.ready_since + spec_.min_ready);
      if (!pod.drain || pod.terminating || pod.drain->frozen_at) continue;
      consider(pod.drain->started_at + spec_.drain.propagation_delay);
      consider(pod.drain->deadline);
      const auto motion = motions_.find(pod.uid);
      if (motion != motions_.end() && motion->second.speed > 0) consider(motion->second.finish);
    }
    if (seen_.reversed_ago) consider(now_ + spec_.drain.reverse_hold - *seen_.reversed_ago);
    consider(now_ + seen_.creates_held);
    return next;
  }

  void advance(WallTime to) {
    const auto time = std::chrono::duration_cast<Duration>(to - now_);
    for (PodView& pod : seen_.pods) {
      if (!pod.drain || !pod.state) continue;
      const auto found = motions_.find(pod.uid);
      if (found == motions_.end() || !pod.state->drain) continue;
      Motion& motion = found->second;
      const bool is_over = to >= motion.finish && (motion.speed > 0 || motion.left <= 0);
      motion.left =
          is_over ? 0 : std::max(0.0, motion.left - motion.speed * std::chrono::duration<double>(time).count());
      pod.state->connections = pod.state->drain->remaining = static_cast<std::int64_t>(std::ceil(motion.left));
      if (pod.state->connections == 0 && !pod.empty_for) pod.empty_for = Duration(0);
      if (pod.state->connections > 0) pod.empty_for.reset();
    }
    if (seen_.reversed_ago) *seen_.reversed_ago += time;
    seen_.creates_held = std::max(Duration(0), seen_.creates_held - time);
    now_ = to;
  }

  const GatewaySpec spec_;
  Observed seen_;
  const WallTime begin_;
  WallTime now_;
  std::map<std::string, Motion> motions_;        ///< By UID.
  std::map<std::string, std::size_t> drain_of_;  ///< By UID: index into out_.drains.
  Forecast out_;
};

}  // namespace

Forecast forecast(const GatewaySpec& spec, const Observed& seen, WallTime now) {
  return Future(spec, seen, now).run();
}

}  // namespace sluice::op
