#include "operator/victim.h"

#include <doctest/doctest.h>

#include "operator/limits.h"

namespace sluice::op {
namespace {

PodView ready_pod(const char* name, std::int64_t connections, Duration age = 1s) {
  PodView pod;
  pod.name = name;
  pod.uid = std::string("uid-") + name;
  pod.revision = "new";
  pod.address = "127.0.1.1:9901";
  pod.ready = true;
  pod.state = GatewayState{.connections = connections, .drain = std::nullopt};
  pod.state_age = age;
  return pod;
}

template <typename Change>
PodView with(PodView pod, Change change) {
  change(pod);
  return pod;
}

VictimRules by_cost(Duration fresh) {
  VictimRules rules;
  rules.update_revision = "new";
  rules.former_revision = "old";
  rules.fresh = fresh;
  return rules;
}

std::string names(const VictimChoice& choice) {
  std::string all;
  for (const Victim& victim : choice.victims) all += (all.empty() ? "" : " ") + victim.pod->name;
  return all;
}

}  // namespace

TEST_CASE("choose_victims takes the cheapest") {
  const auto unready = [](PodView& pod) { pod.ready = false; };
  const auto old = [](PodView& pod) { pod.revision = "old"; };
  const auto silent = [](PodView& pod) {
    pod.state.reset();
    pod.failure_age = 1s;
  };
  const auto pending = [](PodView& pod) {
    pod.ready = false;
    pod.container = ContainerState::kNeverStarted;
    pod.state.reset();
    pod.address.clear();
  };
  const auto crashed = [](PodView& pod) {
    pod.ready = false;
    pod.container = ContainerState::kStopped;
    pod.state_age = 1h;
  };
  const auto newer = [](PodView& pod) { pod.created += 1h; };
  struct Row {
    const char* name;
    std::vector<PodView> pods;
    int count;
    const char* victims;
    const char* runner_up;
    std::size_t wanted;
  };
  const Row rows[] = {
      {"nothing asked for", {ready_pod("a", 5)}, 0, "", "", 0},
      {"fewest connections", {ready_pod("a", 9), ready_pod("b", 3), ready_pod("c", 7)}, 1, "b", "c", 0},
      {"several, cheapest first", {ready_pod("a", 9), ready_pod("b", 3), ready_pod("c", 7)}, 2, "b c", "a", 0},
      {"old revision before new one, though it has more",
       {ready_pod("a", 1), with(ready_pod("b", 9), old)},
       1,
       "b",
       "a",
       0},
      {"not ready before ready, though it has more",
       {ready_pod("a", 1), with(ready_pod("b", 9), unready)},
       1,
       "b",
       "a",
       0},
      {"a revision given up halfway before the one that would be gone back to",
       {with(ready_pod("a", 1), old), with(ready_pod("b", 9), [](PodView& pod) { pod.revision = "halfway"; })},
       1,
       "b",
       "a",
       0},
      {"not ready before old revision",
       {with(ready_pod("a", 1), old), with(ready_pod("b", 9), unready)},
       1,
       "b",
       "a",
       0},
      {"never started before not ready",
       {with(ready_pod("a", 0), unready), with(ready_pod("b", 0), pending)},
       1,
       "b",
       "a",
       0},
      {"never started needs no states of others",
       {ready_pod("a", 1, 1h), with(ready_pod("b", 0), pending)},
       1,
       "b",
       "a",
       0},
      {"the newest of equals", {ready_pod("a", 3), with(ready_pod("b", 3), newer)}, 1, "b", "a", 0},
      {"the name of equals", {ready_pod("b", 3), ready_pod("a", 3)}, 1, "a", "b", 0},
      {"an old state is asked for again before anything is chosen",
       {ready_pod("a", 9), ready_pod("b", 3, 3s)},
       1,
       "",
       "",
       1},
      {"states of all running candidates are wanted", {ready_pod("a", 9, 3s), ready_pod("b", 3, 3s)}, 1, "", "", 2},
      {"a pod that does not answer comes last", {with(ready_pod("a", 0), silent), ready_pod("b", 300)}, 1, "b", "a", 0},
      {"a pod that does not answer goes where there is no other", {with(ready_pod("a", 0), silent)}, 1, "a", "", 0},
      {"a crashed container holds nothing and needs no answer",
       {ready_pod("a", 1), with(ready_pod("b", 9), crashed)},
       1,
       "b",
       "a",
       0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    std::vector<const PodView*> candidates;
    for (const PodView& pod : row.pods) candidates.push_back(&pod);
    const VictimChoice choice = choose_victims(candidates, by_cost(kStateFresh), row.count);
    CHECK(names(choice) == row.victims);
    CHECK((choice.runner_up ? choice.runner_up->pod->name : "") == row.runner_up);
    CHECK(choice.states_wanted.size() == row.wanted);
  }
}

TEST_CASE("cost is connections times what moving one of them costs") {
  const auto says = [](double cost) { return [cost](PodView& pod) { pod.state->session_cost = cost; }; };
  const auto annotated = [](double cost) { return [cost](PodView& pod) { pod.session_cost = cost; }; };
  struct Row {
    const char* name;
    PodView pod;
    std::optional<std::int64_t> cost;
  };
  const Row rows[] = {
      {"bare connections", ready_pod("a", 10), 10},
      {"as the gateway says", with(ready_pod("a", 10), says(2.5)), 25},
      {"never less than a bare one, as it says", with(ready_pod("a", 10), says(0.1)), 10},
      {"the annotation counts instead", with(with(ready_pod("a", 10), says(2.5)), annotated(7)), 70},
      {"which may say that it costs nothing", with(ready_pod("a", 10), annotated(0)), 0},
      {"an absurd one overflows nothing", with(ready_pod("a", 1'000'000), annotated(1e300)), 1'000'000'000'000'000},
      {"nobody knows any more", ready_pod("a", 10, 1h), std::nullopt},
      {"its container has stopped",
       with(ready_pod("a", 10, 1h), [](PodView& pod) { pod.container = ContainerState::kStopped; }), 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(cost_of(row.pod, kStateFresh) == row.cost);
  }
  const PodView cheap = with(ready_pod("a", 10), annotated(2));
  const PodView dear = with(ready_pod("b", 5), annotated(5));
  CHECK(names(choose_victims({&cheap, &dear}, by_cost(kStateFresh), 1)) == "a");
}

TEST_CASE("a choice says what set the victim apart") {
  const auto unready = [](PodView& pod) { pod.ready = false; };
  const auto old = [](PodView& pod) { pod.revision = "old"; };
  const auto newer = [](PodView& pod) { pod.created += 1h; };
  const auto in = [](const char* domain) { return [domain](PodView& pod) { pod.domain = domain; }; };
  const auto asked = [](PodView& pod) { pod.asked_to_go = DrainReason::kNodeDrain; };
  struct Row {
    const char* name;
    PodView a;
    PodView b;
    VictimOrder order;
    const char* victim;
    const char* why;
  };
  const VictimOrder cost = VictimOrder::kLeastCost;
  const Row rows[] = {
      {"cost", ready_pod("a", 9), ready_pod("b", 3), cost, "b", "it costs least"},
      {"revision", ready_pod("a", 1), with(ready_pod("b", 3), old), cost, "b", "it is of an old revision"},
      {"health", ready_pod("a", 1), with(ready_pod("b", 3), unready), cost, "b", "it is not ready"},
      {"a crowded zone, before cost", with(ready_pod("a", 9), in("full")), with(ready_pod("b", 3), in("free")), cost,
       "a", "most pods are in its domain full"},
      {"an old revision, before a crowded zone", with(ready_pod("a", 1), in("full")),
       with(with(ready_pod("b", 3), in("free")), old), cost, "b", "it is of an old revision"},
      {"podsToDrain, before all of that", with(ready_pod("named", 900), in("free")), with(ready_pod("b", 3), unready),
       cost, "named", "it was asked to go"},
      {"so is one whose node goes", with(ready_pod("a", 900), asked), ready_pod("b", 3), cost, "a",
       "it was asked to go"},
      {"the newest", with(ready_pod("a", 900), newer), ready_pod("b", 3), VictimOrder::kNewest, "a",
       "it is the newest"},
      {"the oldest", with(ready_pod("a", 3), newer), ready_pod("b", 900), VictimOrder::kOldest, "b",
       "it is the oldest"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    VictimRules rules = by_cost(kStateFresh);
    rules.order = row.order;
    rules.requested = {"named"};
    rules.crowded = {"full"};
    const VictimChoice choice = choose_victims({&row.a, &row.b}, rules, 1);
    REQUIRE(choice.victims.size() == 1);
    CHECK(choice.victims[0].pod->name == row.victim);
    CHECK(choice.victims[0].why == row.why);
  }
  const PodView only = ready_pod("a", 1);
  CHECK(choose_victims({&only}, by_cost(kStateFresh), 1).victims[0].why.empty());
}

TEST_CASE("a domain is crowded where it has more than its even share") {
  const auto in = [](const char* name, const char* domain) {
    return with(ready_pod(name, 1), [domain](PodView& pod) { pod.domain = domain; });
  };
  const auto crowded = [](std::vector<PodView> pods) {
    std::vector<const PodView*> pointers;
    pointers.reserve(pods.size());
    for (const PodView& pod : pods) pointers.push_back(&pod);
    return crowded_domains(pointers);
  };
  CHECK(crowded({}).empty());
  CHECK(crowded({in("a", "x"), in("b", "x")}).empty());  // The only one: nothing can be evened out.
  CHECK(crowded({in("a", "x"), in("b", "y")}).empty());
  CHECK(crowded({in("a", "x"), in("b", "x"), in("c", "y")}).empty());
  CHECK(crowded({in("a", "x"), in("b", "x"), in("c", "x"), in("d", "y")}) == std::set<std::string>{"x"});
  CHECK(crowded({in("a", ""), in("b", ""), in("c", ""), in("d", "y")}).empty());  // Not scheduled yet.
}

TEST_CASE("a choice that has just come up is made by answers given since") {
  const PodView pods[] = {ready_pod("a", 9, 300ms), ready_pod("b", 3, 50ms)};
  CHECK(choose_victims({&pods[0], &pods[1]}, by_cost(0ms), 1).states_wanted.size() == 2);
  CHECK(choose_victims({&pods[0], &pods[1]}, by_cost(100ms), 1).states_wanted == std::vector<std::string>{"uid-a"});
  CHECK(names(choose_victims({&pods[0], &pods[1]}, by_cost(400ms), 1)) == "b");
}

TEST_CASE("only the candidates with the fewest known connections are asked again") {
  std::vector<PodView> pods;
  pods.reserve(250);
  for (int i = 0; i < 200; ++i) pods.push_back(ready_pod(("p" + std::to_string(1000 + i)).c_str(), 200 - i, 1h));
  std::vector<const PodView*> candidates;
  candidates.reserve(pods.size());
  for (const PodView& pod : pods) candidates.push_back(&pod);
  const VictimChoice choice = choose_victims(candidates, by_cost(kStateFresh), 1);
  CHECK(choice.states_wanted.size() == kVictimCandidatesMax);
  CHECK(choice.states_wanted.front() == "uid-p1199");
}

TEST_CASE("however many must go, no more are chosen at once than can be asked in time") {
  std::vector<PodView> pods;
  pods.reserve(250);
  for (int i = 0; i < 200; ++i) pods.push_back(ready_pod(("p" + std::to_string(1000 + i)).c_str(), i, 1h));
  for (int i = 0; i < 50; ++i) {
    pods.push_back(with(ready_pod(("q" + std::to_string(1000 + i)).c_str(), 0), [](PodView& pod) {
      pod.container = ContainerState::kNeverStarted;
      pod.state.reset();
    }));
  }
  std::vector<const PodView*> candidates;
  candidates.reserve(pods.size());
  for (const PodView& pod : pods) candidates.push_back(&pod);
  VictimChoice choice = choose_victims(candidates, by_cost(kStateFresh), 150);
  CHECK(choice.victims.size() == 50);  // Those that never started need no answer.
  CHECK(choice.states_wanted.size() == kVictimCandidatesMax);
  for (PodView& pod : pods) pod.state_age = 1s;
  choice = choose_victims(candidates, by_cost(kStateFresh), 150);
  CHECK(choice.victims.size() == 50 + kVictimCandidatesMax - 1);
  REQUIRE(choice.runner_up);
  CHECK(choice.runner_up->pod->name == "p1031");
}

}  // namespace sluice::op
