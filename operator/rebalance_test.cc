#include "operator/rebalance.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "operator/budget.h"
#include "operator/plan_test_fleet.h"

namespace sluice::op {

using namespace testing;

namespace {

GatewaySpec spec_for(int replicas, RebalanceType type = RebalanceType::kMove) {
  GatewaySpec spec = spec_of(replicas);
  spec.capacity.connections_per_pod = 1'000;  // Ten connections are worth a move.
  spec.rebalance.type = type;
  return spec;
}
void off(PodView& pod) {
  pod.traffic_label = "off";
}
std::function<void(PodView&)> sheds(std::int64_t remaining, double rate) {
  return [=](PodView& pod) {
    pod.state->shed = GatewayShed{.id = "rebalance-6", .remaining = remaining, .rate = rate};
    pod.rate_possible = remaining > 0 ? rate : 0;
    pod.rate_recorded = rate;
  };
}
/// At rest: nothing is rolled out.
Observed at_rest(std::vector<PodView> pods) {
  Observed seen = fleet(std::move(pods));
  seen.canary = {.revision = "new", .phase = CanaryPhase::kDone};
  seen.polled = static_cast<int>(seen.pods.size());
  return seen;
}
std::function<void(Observed&)> rebalancing_for(Duration time) {
  return [time](Observed& seen) { seen.rebalancing_for = time; };
}
std::function<void(Observed&)> rebalanced_ago(Duration time) {
  return [time](Observed& seen) { seen.rebalanced_ago = time; };
}

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(words(plan_gateway(row.spec, row.seen, kNoon)) == row.plan);
  }
}

}  // namespace

TEST_CASE("full pods leave the endpoints after a scale-up, and come back") {
  const auto row = [](const char* name, Observed seen, const char* plan) {
    const int pods = static_cast<int>(seen.pods.size());
    return Row{name, spec_for(pods), std::move(seen), plan};
  };
  const PodView a = serving("a", 100), b = serving("b", 100), c = serving("c"), d = serving("d");
  const Observed scaled_up = at_rest({a, b, c, d});
  check({
      row("two of four", scaled_up, "relabel a active off, relabel b active off"),
      row("the fullest half of them", at_rest({serving("a", 100), serving("b", 110), serving("c", 120), d}),
          "relabel b active off, relabel c active off"),
      row("never the only other one", at_rest({a, c}), "relabel a active off"),
      row("a skew below a quarter is none", at_rest({serving("a", 124), serving("b", 100), serving("c", 76)}), ""),
      row("a few connections are not worth it", at_rest({serving("a", 9), c}), ""),
      row("they stay out above half of the skew",
          at_rest({serving("a", 57) | off, serving("b", 57) | off, serving("c", 43), serving("d", 43)}) |
              rebalancing_for(1s),
          ""),
      row("and come back below",
          at_rest({serving("a", 56) | off, serving("b", 58) | off, serving("c", 43), serving("d", 43)}) |
              rebalancing_for(1s),
          "relabel a active"),
      row("one comes back before the next leaves: between the two writes nobody would be left",
          at_rest({serving("a", 0) | off, serving("b", 100)}) | rebalancing_for(1s), "relabel a active"),
      row("any pod lost puts them back", at_rest({a | off, b | off, c | unready, d}),
          "relabel a active, relabel b active"),
      row("and ends what they shed", at_rest({a | off | sheds(30, 50), b, c | unready, d}),
          "unshed a, relabel a active"),
      row("also a pod that has just come", at_rest({a | off, b | off, c | young, d}),
          "relabel a active, relabel b active"),
      row("not while one is out of the fleet", at_rest({a, b, c, d | out(HealthPhase::kGrayTraffic, 1s, 10)}), ""),
      row("nor by counts of different moments, which show a skew while clients come", at_rest({a, b, c, d | stale(3s)}),
          ""),
      row("though those that are out stay", at_rest({a | off, b | off, c, d | stale(16s)}) | rebalancing_for(1s), ""),
      row("nor right after the last time", scaled_up | rebalanced_ago(29s), ""),
      row("later again", scaled_up | rebalanced_ago(30s), "relabel a active off, relabel b active off"),
      row("nor before all have been heard", at_rest({a, b, c, d | unheard}), ""),
      row(
          "while more pods fail to answer than not", scaled_up | [](Observed& seen) { seen.polls_failing = 3; }, ""),
      {"pods are still being made", spec_for(5), scaled_up, "create 1"},
      {"a rollout comes first", spec_for(4),
       at_rest({a, b, c, d | old_revision}) | [](Observed& seen) { seen.former_revision = "old"; }, "create 1"},
      {"a freeze of drains stops it, too",
       [] {
         auto spec = spec_for(4);
         spec.drain_freeze = true;
         return spec;
       }(),
       at_rest({a | off, b, c, d}), "relabel a active"},
      {"it may be switched off", spec_for(4, RebalanceType::kNone), scaled_up, ""},
      {"a drain puts them back", spec_for(3), at_rest({a | off, b, c, d | draining(5s)}) | rebalancing_for(1s),
       "relabel a active"},
  });
}

TEST_CASE("where a skew shows, every pod is asked anew before anything begins") {
  const Observed seen = at_rest({serving("a", 100), serving("b") | stale(4s)});
  const Plan plan = plan_gateway(spec_for(2), seen, kNoon);
  CHECK(plan.rebalanced.empty());
  CHECK(plan.watched == std::set<std::string>{"uid-a", "uid-b"});
  CHECK(plan_gateway(spec_for(2), at_rest({serving("a", 60), serving("b", 50) | stale(4s)}), kNoon).watched.empty());
}

TEST_CASE("with Move full pods release what they have above the mean, once") {
  const PodView a = serving("a", 100) | off, b = serving("b", 60) | off, c = serving("c"), d = serving("d");
  const GatewaySpec move = spec_for(4);
  const auto after = [](std::vector<PodView> pods, Duration time) {
    return at_rest(std::move(pods)) | rebalancing_for(time);
  };
  check({
      {"not before the endpoints have followed", move, after({a, b, c, d}, 14s), ""},
      {"first the rate is recorded", move, after({a, b, c, d}, 15s), "record a:300, record b:100"},
      {"then ordered: down to the mean, both within the budget of two receivers", move,
       after({a | recorded(300), b | recorded(100), c, d}, 15s), "shed a:60@300, shed b:20@100"},
      {"what one may be releasing is not given to the other", move, after({a | sheds(60, 300), b, c, d}, 15s),
       "record b:100"},
      {"a shed is not repeated", move, after({a | sheds(60, 300), b | sheds(20, 100), c, d}, 20s), ""},
      {"but slowed down where another pod has left the endpoints since", move,
       after({a | sheds(60, 600), serving("b", 60) | off, c, d}, 1s), "shed a:60@400"},
      {"nor is a second one given while the pod is out", move, after({a | sheds(0, 300), b | sheds(0, 100), c, d}, 60s),
       ""},
      {"it ends when the pod comes back", move,
       after({serving("a", 42) | off | sheds(0, 300), serving("b", 40), serving("c", 40), serving("d", 38)}, 60s),
       "unshed a, relabel a active"},
      {"and what was recorded goes with it", move,
       after({serving("a", 42) | recorded(300), serving("b", 40), serving("c", 40), serving("d", 38)}, 60s),
       "relabel a active"},
      {"a gateway that does not answer gets no order", move, after({a | unreachable, b | sheds(20, 100), c, d}, 15s),
       ""},
      {"a new leader waits for the endpoints anew", move, at_rest({a, b, c, d}), ""},
      {"Arrivals alone move nobody", spec_for(4, RebalanceType::kArrivals), after({a, b, c, d}, 60s), ""},
  });
}

namespace {

/// A fleet in virtual time: endpoints that follow late, states that are polled, connections that come, go and are
/// released. All random choices are even ones: what is tested is the loop, not chance.
class World {
 public:
  World(std::vector<double> connections, GatewaySpec spec) : spec_(std::move(spec)), counts_(std::move(connections)) {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      PodView pod = serving(std::string(1, static_cast<char>('a' + i)).c_str(), std::llround(counts_[i]));
      pod.resource_version = "1";
      pods_.push_back(pod);
      routed_.push_back(true);
    }
  }

  double arrivals_per_second = 0;
  double part_leaving_per_second = 0;
  bool understand_hints = true;

  void run(int seconds) {
    for (int i = 0; i < seconds; ++i) step();
  }
  [[nodiscard]] double mean() const {
    return std::accumulate(counts_.begin(), counts_.end(), 0.0) / static_cast<double>(counts_.size());
  }
  [[nodiscard]] double worst() const { return *std::max_element(counts_.begin(), counts_.end()) / mean() - 1; }
  [[nodiscard]] int departures() const { return departures_; }
  [[nodiscard]] int departures_of_one() const {
    return std::max_element(left_.begin(), left_.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->second;
  }
  [[nodiscard]] bool at_rest() const {
    return std::all_of(pods_.begin(), pods_.end(),
                       [](const PodView& pod) { return pod.traffic_label == "on" && !pod.state->shed; });
  }
  [[nodiscard]] int last_change() const { return last_change_; }
  [[nodiscard]] double released_per_second_max() const { return released_max_; }

 private:
  static constexpr int kRouteLag = 3;  ///< Seconds until the endpoints have followed.

  void step() {
    ++now_;
    traffic();
    poll();
    Observed seen = testing::fleet(pods_);
    seen.canary = {.revision = "new", .phase = CanaryPhase::kDone};
    seen.polled = static_cast<int>(pods_.size());
    if (out_since_) seen.rebalancing_for = std::chrono::seconds(now_ - *out_since_);
    if (ended_) seen.rebalanced_ago = std::chrono::seconds(now_ - *ended_);
    apply(plan_gateway(spec_, seen, kNoon));
  }

  void traffic() {
    double released = 0;
    double coming = arrivals_per_second;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const double leaving = counts_[i] * part_leaving_per_second;
      counts_[i] -= leaving;
      auto& shed = pods_[i].state->shed;
      if (!shed || shed->remaining == 0) continue;
      const double goes = std::min({shed->rate, static_cast<double>(shed->remaining), counts_[i]});
      counts_[i] -= goes;
      shed->remaining -= static_cast<std::int64_t>(std::ceil(goes));
      coming += goes;
      released += goes;
    }
    released_max_ = std::max(released_max_, released);
    const auto receivers = static_cast<double>(std::count(routed_.begin(), routed_.end(), true));
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (routed_[i]) counts_[i] += coming / receivers;
      if (const auto at = switches_[i].find(now_); at != switches_[i].end()) routed_[i] = at->second;
    }
  }

  void poll() {
    for (std::size_t i = 0; i < pods_.size(); ++i) {
      PodView& pod = pods_[i];
      const bool due = watched_.contains(pod.uid) || (now_ + static_cast<int>(i)) % 5 == 0;
      pod.state_age = due ? Duration(100ms) : pod.state_age + 1s;
      if (!due) continue;
      pod.state->connections = std::llround(counts_[i]);
      pod.rate_possible = pod.state->shed && pod.state->shed->remaining > 0 ? pod.state->shed->rate : 0;
    }
  }

  PodView& pod(const PodRef& ref) {
    return *std::find_if(pods_.begin(), pods_.end(), [&](const PodView& one) { return one.uid == ref.uid; });
  }

  void apply(const Plan& plan) {
    for (const Relabel& change : plan.relabel) {
      PodView& one = pod(change.pod);
      if (one.traffic_label == "on" && !change.traffic) {
        ++departures_;
        ++left_[one.name];
      }
      one.traffic_label = change.traffic ? "on" : "off";
      one.rate_recorded = 0;
      switches_[static_cast<std::size_t>(&one - pods_.data())][now_ + kRouteLag] = change.traffic;
      last_change_ = now_;
    }
    for (const RecordRate& record : plan.record_rates) pod(record.pod).rate_recorded = record.rate_per_second;
    for (const ShedOrder& order : plan.sheds) {
      pod(order.pod).state->shed =
          GatewayShed{.id = order.id, .remaining = understand_hints ? order.count : 0, .rate = order.rate_per_second};
      pod(order.pod).rate_possible = order.rate_per_second;
      last_change_ = now_;
    }
    for (const PodRef& ref : plan.unshed) pod(ref).state->shed.reset();
    if (plan.rebalanced.size() > out_.size()) out_since_ = now_;
    if (!out_.empty() && plan.rebalanced.empty()) ended_ = now_;
    out_ = plan.rebalanced;
    watched_ = plan.watched;
  }

  GatewaySpec spec_;
  std::vector<double> counts_;
  std::vector<PodView> pods_;
  std::vector<bool> routed_;
  std::map<std::size_t, std::map<int, bool>> switches_;
  std::map<std::string, int> left_;
  std::set<std::string> out_, watched_;
  std::optional<int> out_since_, ended_;
  double released_max_ = 0;
  int now_ = 0, departures_ = 0, last_change_ = 0;
};

}  // namespace

TEST_CASE("a fleet evens out and then stays as it is") {
  struct Case {
    const char* name;
    std::vector<double> connections;
    double arrivals, leaving;
    RebalanceType type;
    int within_seconds;
  };
  const Case rows[] = {
      {"two full pods, two new ones", {20'000, 20'000, 0, 0}, 0, 0, RebalanceType::kMove, 120},
      {"one newcomer among four", {9'000, 9'000, 9'000, 0}, 0, 0, RebalanceType::kMove, 300},
      {"seven newcomers", {30'000, 0, 0, 0, 0, 0, 0, 0}, 0, 0, RebalanceType::kMove, 120},
      {"under load", {20'000, 20'000, 0, 0}, 400, 0.01, RebalanceType::kMove, 300},
      {"under heavy load", {5'000, 5'000, 0, 0}, 2'000, 0.05, RebalanceType::kMove, 300},
      {"by arrivals alone", {20'000, 20'000, 0, 0}, 400, 0.01, RebalanceType::kArrivals, 600},
      {"very uneven", {40'000, 10'000, 3'000, 0, 0}, 50, 0.001, RebalanceType::kMove, 400},
  };
  for (const Case& row : rows) {
    CAPTURE(row.name);
    GatewaySpec spec = spec_for(static_cast<int>(row.connections.size()), row.type);
    spec.capacity.connections_per_pod = 100'000;
    World world(row.connections, spec);
    world.arrivals_per_second = row.arrivals;
    world.part_leaving_per_second = row.leaving;
    world.run(row.within_seconds);
    CAPTURE(world.worst());
    CAPTURE(world.departures());
    CHECK(world.worst() <= 0.25);
    CHECK(world.at_rest());
    CHECK(world.departures() >= 1);
    CHECK(world.departures_of_one() <= 2);
    CHECK(world.released_per_second_max() <= budget_of(spec, spec.replicas) * 1.001);
    const int changed = world.last_change();
    world.run(1'800);
    CHECK(world.last_change() == changed);
    CHECK(world.worst() <= 0.25);
  }
}

TEST_CASE("a pod that is full all the same after its release is told anew") {
  const auto released = [](std::int64_t initial) {
    return [initial](PodView& pod) {
      pod.state->shed = GatewayShed{.id = "rebalance-6", .initial = initial, .remaining = 0};
      pod.rate_recorded = 40;
    };
  };
  const Observed lost =
      at_rest({serving("a", 90) | off | released(30), serving("b", 20), serving("c", 20)}) | rebalancing_for(1min);
  CHECK(words(plan_gateway(spec_for(3), lost, kNoon)) == "unshed a");
  const Observed nobody =
      at_rest({serving("a", 90) | off | released(0), serving("b", 20), serving("c", 20)}) | rebalancing_for(1min);
  CHECK(words(plan_gateway(spec_for(3), nobody, kNoon)) == "");
}

TEST_CASE("clients that understand no hints are left to arrivals, and one order is all that is given") {
  GatewaySpec spec = spec_for(4);
  World world({20'000, 20'000, 0, 0}, spec);
  world.understand_hints = false;
  world.run(900);
  CHECK(world.departures() == 2);
  CHECK(world.released_per_second_max() == 0);
  CHECK(world.last_change() < 60);
  world.arrivals_per_second = 200;
  world.part_leaving_per_second = 0.01;
  world.run(900);
  CHECK(world.worst() <= 0.25);
  CHECK(world.at_rest());
}

}  // namespace sluice::op
