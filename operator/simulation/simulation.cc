#include "operator/simulation/simulation.h"

#include <algorithm>
#include <memory>

#include "operator/limits.h"
#include "operator/names.h"
#include "operator/simulation/sim_operator.h"

namespace sluice::op::simulation {
namespace {

using kube::Json;

constexpr std::int64_t kEpisodeSteps = 600;
constexpr Duration kPeaceMax = 2h;
/// Once all is as it should be, the operator soon writes nothing for so long.
constexpr Duration kQuiet = 60s;
constexpr Duration kSettleMax = 1h;

class Run {
 public:
  explicit Run(std::uint64_t seed) : world_(seed), oracle_(world_), process_(start()) { oracle_.look(); }

  Outcome go(std::int64_t steps) {
    while (outcome_.steps < steps && held()) {
      ++outcome_.episodes;
      chaos();
      peace();
      quiet();
    }
    outcome_.violation = oracle_.violation();
    outcome_.virtual_seconds = std::chrono::duration_cast<std::chrono::seconds>(world_.clock.steady() - begun_).count();
    count_process();
    return outcome_;
  }

 private:
  [[nodiscard]] bool held() const { return oracle_.violation().empty(); }
  bool chance(double of) { return world_.random.unit() < of; }
  std::int64_t below(std::uint64_t bound) { return static_cast<std::int64_t>(world_.random.below(bound)); }

  std::unique_ptr<SimOperator> start() { return std::make_unique<SimOperator>(world_, oracle_, faults_); }
  void count_process() {
    outcome_.writes += std::exchange(process_->writes, 0);
    outcome_.actions += std::exchange(process_->actions, 0);
  }

  void chaos() {
    // An episode has its own weather: some are calm about one thing and wild about another.
    const auto weather = [&](double most) { return chance(0.5) ? 0 : most * world_.random.unit(); };
    faults_ = {.refused = weather(0.2),
               .answer_lost = weather(0.2),
               .read_failed = weather(0.5),
               .crash = weather(0.05),
               .call_failed = weather(0.3),
               .call_lost = weather(0.3)};
    spec_changes_ = weather(0.05);
    pod_losses_ = weather(0.03);
    edits_ = weather(0.02);
    cache_stops_ = weather(0.05);
    for (std::int64_t i = 0; i < kEpisodeSteps && held(); ++i) {
      if (chance(spec_changes_)) change_spec();
      if (chance(pod_losses_)) lose_pod();
      if (chance(edits_)) edit();
      if (chance(0.05)) world_.arrive(below(200));
      if (chance(0.05)) world_.leave(below(200));
      if (chance(cache_stops_)) stopped_until_ = world_.clock.steady() + Duration(below(30'000));
      if (chance(faults_.crash / 10)) crash_process();
      step(Duration(20 + below(700)), Duration(below(1'500)));
    }
  }

  /// Faults end and so do changes: what is wanted stays.
  void peace() {
    faults_ = {};
    stopped_until_ = {};
    for (auto& [name, pod] : world_.pods()) pod.process.reachable = true;
    // What a person has paused or frozen for good would never be finished.
    if (chance(0.8)) world_.write_spec({{"paused", false}, {"drainFreeze", false}});
    // More clients than the pods asked for can carry would hold scale-downs for good.
    std::int64_t clients = world_.waiting();
    for (const auto& [name, pod] : world_.pods()) clients += pod.process.connections;
    const GatewaySpec spec = world_.spec();
    world_.leave(std::max<std::int64_t>(0, clients - spec.replicas * spec.capacity.connections_per_pod / 3));
    const SteadyTime begun = world_.clock.steady();
    while (held() && !oracle_.unfinished().empty()) {
      step(Duration(250 + below(500)), Duration(below(200)));
      if (world_.clock.steady() - begun > kPeaceMax) {
        oracle_.violated("after two hours of peace " + oracle_.unfinished());
      }
    }
  }

  /// Then it is left alone. A fleet may still even out once it has been at rest for a while, but not for ever.
  void quiet() {
    const SteadyTime begun = world_.clock.steady();
    SteadyTime last_write = begun;
    std::int64_t writes = process_->writes;
    while (held() && (world_.clock.steady() - last_write < kQuiet || !oracle_.unfinished().empty())) {
      step(500ms, 0ms);
      if (std::exchange(writes, process_->writes) != process_->writes) last_write = world_.clock.steady();
      if (world_.clock.steady() - begun > kSettleMax)
        oracle_.violated("it does not come to rest " + oracle_.unfinished());
    }
  }

  void step(Duration time, Duration lag) {
    ++outcome_.steps;
    world_.advance(time);
    const bool news = world_.clock.steady() >= stopped_until_ && process_->cache.deliver(lag);
    world_.forget_changes_before(process_->cache.next_change());
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
    std::vector<std::string> uids;
    for (const auto& [name, pod] : world_.pods()) {
      const std::string uid(kube::uid_of(pod.object));
      const bool soon = is_draining(pod) || process_->wanted().contains(uid);
      if (runs(pod) && chance(soon ? 0.8 : 0.15)) uids.push_back(uid);
    }
    for (const std::string& uid : uids) process_->poll(uid);
  }

  void crash_process() {
    ++outcome_.crashes;
    count_process();
    process_ = start();
    if (chance(0.3)) stopped_until_ = world_.clock.steady() + Duration(below(10'000));
  }

  void change_spec() {
    ++outcome_.disturbances;
    switch (below(9)) {
      case 0:
      case 1:
      case 2:
        return world_.write_spec({{"replicas", below(8)}});
      case 3:
      case 4:
        return world_.write_spec({{"template", {{"metadata", {{"labels", {{"v", std::to_string(below(3))}}}}}}}});
      case 5:
        return world_.write_spec({{"scaleDown", {{"maxConcurrentDrains", 1 + below(3)}}}});
      case 6:
        return world_.write_spec({{"paused", chance(0.3)}, {"drainFreeze", chance(0.3)}});
      case 7: {
        const auto unavailable = below(3);
        const auto surge = unavailable == 0 ? 1 + below(3) : below(3);
        return world_.write_spec({{"rollout", {{"maxSurge", surge}, {"maxUnavailable", unavailable}}}});
      }
      default:
        return world_.write_spec(
            {{"reconnectBudget", {{"perSecondPerReceiver", 1 + below(50)}}}, {"drain", {{"reversible", chance(0.8)}}}});
    }
  }

  Pod* any_pod() {
    auto& pods = world_.pods();
    if (pods.empty()) return nullptr;
    return &std::next(pods.begin(), below(pods.size()))->second;
  }

  void lose_pod() {
    Pod* pod = any_pod();
    if (pod == nullptr) return;
    ++outcome_.disturbances;
    switch (below(4)) {
      case 0:
      case 1:
        oracle_.disturbed(1);
        return world_.crash(*pod);
      case 2:
        oracle_.disturbed(1);
        (void)world_.delete_pod(std::string(kube::name_of(pod->object)), "", "");
        return;
      default:
        pod->process.reachable = !pod->process.reachable;
    }
  }

  /// Somebody edits what is the operator's.
  void edit() {
    Pod* pod = any_pod();
    if (pod == nullptr || is_terminating(*pod)) return;
    ++outcome_.disturbances;
    const std::string name(kube::name_of(pod->object));
    switch (below(3)) {
      case 0:
        (void)world_.patch_pod(name, "", {{kTrafficLabel, chance(0.5) ? "on" : "off"}}, nullptr);
        return;
      case 1:
        if (is_draining(*pod)) (void)world_.patch_pod(name, "", nullptr, {{kDrainAnnotation, "scribbled over"}});
        return;
      default:
        if (is_draining(*pod)) (void)world_.patch_pod(name, "", nullptr, {{kDrainAnnotation, nullptr}});
    }
  }

  World world_;
  Oracle oracle_;
  Faults faults_;
  Outcome outcome_;
  std::unique_ptr<SimOperator> process_;
  SteadyTime begun_ = world_.clock.steady();
  SteadyTime stopped_until_{};  ///< The cache takes nothing in before it.
  double spec_changes_ = 0;
  double pod_losses_ = 0;
  double edits_ = 0;
  double cache_stops_ = 0;
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
}

Outcome simulate(std::uint64_t seed, std::int64_t steps) {
  return Run(seed).go(steps);
}

}  // namespace sluice::op::simulation
