#include "operator/simulation/simulation.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "operator/simulation/disturbances.h"
#include "operator/simulation/oracle.h"
#include "operator/simulation/sim_operator.h"
#include "operator/simulation/unfinished.h"

namespace sluice::op::simulation {
namespace {

constexpr std::int64_t kEpisodeSteps = 600;
constexpr Duration kPeaceMax = 2h;
/// Once all is as it should be, the operator soon writes nothing for so long.
constexpr Duration kQuiet = 60s;
constexpr Duration kSettleMax = 1h;
constexpr Duration kStoppedMax{40'000};
static_assert(kStoppedMax + 5s < kViewAge, "the oracle looks back farther than the operator's view");

class Run {
 public:
  explicit Run(std::uint64_t seed) : world_(seed), oracle_(world_), disturbances_(world_), process_(start(nullptr)) {}

  Outcome go(std::int64_t steps) {
    while (outcome_.steps < steps && held()) {
      // The gateway may be deleted in the last episode.
      const bool last = outcome_.steps + kEpisodeSteps >= steps;
      ++outcome_.episodes;
      chaos(last && chance(0.3));
      peace();
      quiet();
    }
    outcome_.violation = oracle_.violation();
    outcome_.virtual_seconds = std::chrono::duration_cast<std::chrono::seconds>(world_.clock.steady() - begun_).count();
    outcome_.disturbances = disturbances_.count();
    outcome_.met["evicted"] = world_.evicted();
    count_process();
    return outcome_;
  }

 private:
  [[nodiscard]] bool held() const { return oracle_.violation().empty(); }
  bool chance(double of) { return world_.random.unit() < of; }
  Duration below(std::uint64_t bound) { return Duration(static_cast<Duration::rep>(world_.random.below(bound))); }

  /// The next process may begin with caches that are as old as those of the last one.
  std::unique_ptr<SimOperator> start(const SimOperator* before) {
    const bool old = before != nullptr && chance(0.5);
    return std::make_unique<SimOperator>(world_, oracle_, disturbances_.faults(), old ? before->cache : Cache(world_));
  }
  void count_process() {
    outcome_.writes += std::exchange(process_->writes, 0);
    outcome_.actions += std::exchange(process_->actions, 0);
    for (const auto& [what, times] : std::exchange(process_->met, {})) outcome_.met[what] += times;
  }

  void chaos(bool deletion) {
    disturbances_.change_weather();
    const std::int64_t deleted_at = deletion ? below(kEpisodeSteps).count() : -1;
    for (std::int64_t i = 0; i < kEpisodeSteps && held(); ++i) {
      if (i == deleted_at) world_.delete_gateway();
      disturbances_.strike();
      stop_watches();
      if (chance(disturbances_.faults().crash / 10)) crash_process();
      step(Duration(20) + below(700), below(1'500));
    }
  }

  /// Faults end and so do changes: what is wanted stays.
  void peace() {
    disturbances_.end();
    stopped_until_ = {};
    const SteadyTime begun = world_.clock.steady();
    while (held() && !unfinished(world_).empty()) {
      churn();
      step(Duration(250) + below(500), below(200));
      if (world_.clock.steady() - begun > kPeaceMax) {
        oracle_.violated("after two hours of peace " + unfinished(world_));
      }
    }
  }

  /// Then it is left alone. A fleet may still even out once it has been at rest for a while, but not for ever.
  void quiet() {
    const SteadyTime begun = world_.clock.steady();
    SteadyTime last_write = begun;
    std::int64_t writes = process_->writes;
    while (held() && (world_.clock.steady() - last_write < kQuiet || !unfinished(world_).empty())) {
      churn();
      step(500ms, 0ms);
      if (std::exchange(writes, process_->writes) != process_->writes) last_write = world_.clock.steady();
      if (world_.clock.steady() - begun > kSettleMax) {
        oracle_.violated("it does not come to rest " + unfinished(world_));
      }
    }
  }

  /// A canary is judged by clients that come and go.
  void churn() {
    if (!is_stepping(world_)) return;
    world_.leave(5);
    world_.arrive(5);
  }

  /// Each kind's watch by itself.
  void stop_watches() {
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      if (chance(disturbances_.watch_stops())) stop_watch(kind, below(30'000));
    }
  }

  /// Never so long that nothing could be said of the operator's view.
  void stop_watch(std::size_t kind, Duration time) {
    stopped_until_[kind] = std::min(world_.clock.steady() + time, delivered_at_[kind] + kStoppedMax);
  }

  bool deliver(Duration lag) {
    bool news = false;
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      if (world_.clock.steady() < stopped_until_[kind]) continue;
      delivered_at_[kind] = world_.clock.steady();
      news = process_->cache.deliver(static_cast<Kind>(kind), lag) || news;
    }
    world_.forget_changes_before(process_->cache.next_change());
    return news;
  }

  void step(Duration time, Duration lag) {
    ++outcome_.steps;
    world_.advance(time);
    const bool news = deliver(lag);
    poll();
    oracle_.look();
    // Events, answers of gateways and time are reasons to look; so is nothing at all.
    if (!news && !process_->due() && !chance(0.5)) return;
    ++outcome_.reconciles;
    try {
      process_->reconcile();
    } catch (const Crashed&) {
      crash_process();
    }
    oracle_.look();
  }

  void poll() {
    const std::map<std::string, bool> targets = process_->targets();
    for (const auto& [uid, soon] : targets) {
      if (chance(soon ? 0.8 : 0.15)) process_->poll(uid);
    }
  }

  void crash_process() {
    ++outcome_.crashes;
    count_process();
    process_ = start(process_.get());
    if (!chance(0.3)) return;
    for (std::size_t kind = 0; kind < kKinds; ++kind) stop_watch(kind, below(10'000));
  }

  World world_;
  Oracle oracle_;
  Disturbances disturbances_;
  Outcome outcome_;
  std::unique_ptr<SimOperator> process_;
  SteadyTime begun_ = world_.clock.steady();
  std::array<SteadyTime, kKinds> stopped_until_{};  ///< A kind's watch brings nothing before it.
  std::array<SteadyTime, kKinds> delivered_at_{};   ///< When it could bring something the last time.
};

}  // namespace

void Outcome::add(const Outcome& other) {
  if (violation.empty()) violation = other.violation;
  steps += other.steps;
  reconciles += other.reconciles;
  actions += other.actions;
  writes += other.writes;
  crashes += other.crashes;
  disturbances += other.disturbances;
  episodes += other.episodes;
  virtual_seconds += other.virtual_seconds;
  for (const auto& [what, times] : other.met) met[what] += times;
}

Outcome simulate(std::uint64_t seed, std::int64_t steps) {
  return Run(seed).go(steps);
}

}  // namespace sluice::op::simulation
