#include "operator/poll_schedule.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "common/base/random.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

const SteadyTime kStart{24h};

PollTarget target(const std::string& uid, PollUrgency urgency = PollUrgency::kOther,
                  const std::string& key = "live/edge") {
  return {.uid = uid, .address = uid + ":9901", .key = key, .urgency = urgency};
}

/// UIDs asked from `from` for `time`, each answered at once.
std::vector<std::string> asked(PollSchedule& schedule, SteadyTime from, Duration time) {
  std::vector<std::string> uids;
  for (SteadyTime now = from; now < from + time; now += 1ms) {
    if (const auto next = schedule.next(now)) {
      uids.push_back(next->uid);
      schedule.finished(next->uid);
    }
  }
  return uids;
}

/// The same rules by looking at all of them each time.
class Plainly {
 public:
  void set_targets(const std::string& key, const std::vector<PollTarget>& targets) {
    std::erase_if(all_, [&](const auto& one) {
      return one.second.target.key == key &&
             std::none_of(targets.begin(), targets.end(), [&](const PollTarget& t) { return t.uid == one.first; });
    });
    bool chooses = false;
    for (const PollTarget& target : targets) {
      all_[target.uid].target = target;
      chooses = chooses || target.urgency == PollUrgency::kCandidate;
    }
    const auto place = std::find(choosing_.begin(), choosing_.end(), key);
    if (chooses && place == choosing_.end()) choosing_.push_back(key);
    if (!chooses && place != choosing_.end()) choosing_.erase(place);
  }
  void finished(const std::string& uid) {
    if (all_.contains(uid)) all_[uid].in_flight = false;
  }
  std::optional<std::string> next(SteadyTime now) {
    if (now < last_ + kPollSpacing) return std::nullopt;
    if (choosing_.empty()) {
      turn_of_.clear();
    } else {
      if (choosing_.front() == turn_of_ && now - since_ >= kCandidateTurnMax) {
        std::rotate(choosing_.begin(), choosing_.begin() + 1, choosing_.end());
        turn_of_.clear();
      }
      if (choosing_.front() != turn_of_) {
        turn_of_ = choosing_.front();
        since_ = now;
      }
    }
    const std::string draining = first(now, PollUrgency::kDraining);
    std::string other = first(now, PollUrgency::kCandidate);
    const bool calm = other.empty();
    if (calm) other = calmly(now);
    const bool others_turn = draining.empty() || (last_draining_ && !other.empty());
    const std::string chosen = others_turn ? other : draining;
    if (chosen.empty()) return std::nullopt;
    last_draining_ = !others_turn;
    if (calm && others_turn) last_canary_ = all_[chosen].target.urgency == PollUrgency::kCanary;
    last_ = now;
    all_[chosen].asked_at = now;
    all_[chosen].in_flight = true;
    return chosen;
  }

 private:
  struct One {
    PollTarget target;
    SteadyTime asked_at{};
    bool in_flight = false;
  };
  std::string calmly(SteadyTime now) {
    const std::string canary = first(now, PollUrgency::kCanary);
    const std::string watched = first(now, PollUrgency::kWatched);
    std::string other = first(now, PollUrgency::kOther);
    const auto turn = [this](const std::string& uid) { return std::make_pair(all_[uid].asked_at, uid); };
    if (other.empty() || (!watched.empty() && turn(watched) < turn(other))) other = watched;
    return canary.empty() || (last_canary_ && !other.empty()) ? other : canary;
  }
  std::string first(SteadyTime now, PollUrgency wanted) {
    const std::map<PollUrgency, Duration> periods = {{PollUrgency::kDraining, kPollDraining},
                                                     {PollUrgency::kCandidate, kPollCandidate},
                                                     {PollUrgency::kCanary, kPollCanary},
                                                     {PollUrgency::kWatched, kPollWatched},
                                                     {PollUrgency::kOther, kPollOther}};
    std::string best;
    for (const auto& [uid, one] : all_) {
      PollUrgency urgency = one.target.urgency;
      if (urgency == PollUrgency::kCandidate && (choosing_.empty() || one.target.key != choosing_.front()))
        urgency = PollUrgency::kOther;
      if (urgency != wanted || one.in_flight || one.asked_at + periods.at(wanted) > now) continue;
      if (best.empty() || one.asked_at < all_[best].asked_at) best = uid;
    }
    return best;
  }

  std::map<std::string, One> all_;
  std::vector<std::string> choosing_;
  std::string turn_of_;
  SteadyTime since_{}, last_{};
  bool last_draining_ = false;
  bool last_canary_ = false;
};

}  // namespace

TEST_CASE("the queues choose as looking at all of them would") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    PollSchedule schedule;
    Plainly plainly;
    std::vector<std::string> in_flight;
    int asked_times = 0;
    SteadyTime now = kStart;
    for (int step = 0; step < 3000; ++step) {
      now += Duration(static_cast<Duration::rep>(random.below(40)));
      if (random.below(40) == 0) {
        const std::string key(1, static_cast<char>('a' + random.below(4)));
        std::vector<PollTarget> targets;
        for (int i = 0; i < 8; ++i) {
          const auto urgency = static_cast<PollUrgency>(random.below(5));
          if (random.below(3) != 0) targets.push_back(target(key + std::to_string(i), urgency, key));
        }
        schedule.set_targets(key, targets);
        plainly.set_targets(key, targets);
      }
      const auto next = schedule.next(now);
      const auto expected = plainly.next(now);
      REQUIRE((next ? std::optional(next->uid) : std::nullopt) == expected);
      if (next) in_flight.push_back(next->uid);
      asked_times += next.has_value();
      if (!in_flight.empty() && random.below(3) != 0) {
        const std::size_t which = random.below(in_flight.size());
        schedule.finished(in_flight[which]);
        plainly.finished(in_flight[which]);
        in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(which));
      }
    }
    CHECK(asked_times > 500);
  }
}

TEST_CASE("draining pods first, then candidates, then the others in turn") {
  PollSchedule schedule;
  schedule.set_targets("live/edge", {target("o1"), target("o2"), target("c", PollUrgency::kCandidate),
                                     target("d", PollUrgency::kDraining)});
  CHECK(asked(schedule, kStart, 100ms) == std::vector<std::string>{"d", "c", "o1", "o2"});
  CHECK(asked(schedule, kStart + 100ms, 250ms) == std::vector<std::string>{"c", "c", "c"});
  CHECK(asked(schedule, kStart + 495ms, 20ms) == std::vector<std::string>{"c"});
  CHECK(asked(schedule, kStart + 515ms, 20ms) == std::vector<std::string>{"d"});
}

TEST_CASE("pods that a canary is judged by are asked sooner than others, but never instead of them") {
  PollSchedule schedule;
  schedule.set_targets("live/edge", {target("a"), target("n", PollUrgency::kCanary)});
  const auto few = asked(schedule, kStart, 10s);
  CHECK(std::count(few.begin(), few.end(), "n") == 10);
  CHECK(std::count(few.begin(), few.end(), "a") == 2);

  std::vector<PollTarget> many{target("d", PollUrgency::kDraining)};
  for (int i = 0; i < 200; ++i) many.push_back(target("n" + std::to_string(i), PollUrgency::kCanary));
  for (int i = 0; i < 100; ++i) many.push_back(target("o" + std::to_string(i)));
  schedule.set_targets("live/edge", many);
  const auto uids = asked(schedule, kStart + 10s, 10s);
  const std::set<std::string> met(uids.begin(), uids.end());
  CHECK(met.size() == 301);  // Everybody has had a turn.
}

TEST_CASE("never more than the rate, however many there are") {
  PollSchedule schedule;
  std::vector<PollTarget> targets;
  targets.reserve(500);
  for (int i = 0; i < 500; ++i) targets.push_back(target("d" + std::to_string(i), PollUrgency::kDraining));
  schedule.set_targets("live/edge", targets);
  const auto uids = asked(schedule, kStart, 10s);
  CHECK(uids.size() == 500);
  // All have had their turn once before one has it twice.
  CHECK(std::set<std::string>(uids.begin(), uids.end()).size() == 500);
}

TEST_CASE("every choice comes about within seconds, though hundreds of pods drain and several gateways choose") {
  PollSchedule schedule;
  std::vector<PollTarget> draining;
  draining.reserve(500);
  for (int i = 0; i < 500; ++i) {
    draining.push_back(target("d" + std::to_string(i), PollUrgency::kDraining, "live/big"));
  }
  schedule.set_targets("live/big", draining);
  const std::vector<std::string> keys{"live/a", "live/b", "live/c", "live/d"};
  std::map<std::string, std::vector<PollTarget>> candidates;
  for (const std::string& key : keys) {
    for (int i = 0; i < kVictimCandidatesMax; ++i) {
      candidates[key].push_back(target(key + std::to_string(i), PollUrgency::kCandidate, key));
    }
    schedule.set_targets(key, candidates[key]);
  }
  // A gateway has chosen once the states of all its candidates are fresh at one moment.
  std::map<std::string, SteadyTime> asked_at;
  std::vector<std::string> chosen;
  int polls_of_draining = 0;
  SteadyTime now = kStart;
  for (; chosen.size() < keys.size() && now < kStart + 60s; now += 1ms) {
    const auto next = schedule.next(now);
    if (!next) continue;
    schedule.finished(next->uid);
    asked_at[next->uid] = now;
    polls_of_draining += next->urgency == PollUrgency::kDraining;
    const auto& wanted = candidates[next->key];
    if (wanted.empty() || !std::all_of(wanted.begin(), wanted.end(), [&](const PollTarget& one) {
          return asked_at.contains(one.uid) && now - asked_at[one.uid] <= kStateFresh;
        })) {
      continue;
    }
    chosen.push_back(next->key);
    schedule.set_targets(next->key, {});
  }
  CHECK(chosen == keys);
  CHECK(now - kStart <= keys.size() * kStateFresh);
  CHECK(polls_of_draining >= static_cast<int>(keys.size()) * (kVictimCandidatesMax - 1));
}

TEST_CASE("a choice that does not come about lets the next one have its turn") {
  PollSchedule schedule;
  schedule.set_targets("live/stuck", {target("s", PollUrgency::kCandidate, "live/stuck")});
  schedule.set_targets("live/edge", {target("e", PollUrgency::kCandidate, "live/edge")});
  const auto count = [](const std::vector<std::string>& uids, const char* uid) {
    return std::count(uids.begin(), uids.end(), uid);
  };
  const auto first = asked(schedule, kStart, kCandidateTurnMax);
  CHECK(count(first, "s") > 10 * count(first, "e"));
  const auto second = asked(schedule, kStart + kCandidateTurnMax, kCandidateTurnMax);
  CHECK(count(second, "e") > 10 * count(second, "s"));
}

TEST_CASE("gateways that hang leave room for candidates") {
  PollSchedule schedule;
  schedule.set_targets("live/edge", {target("d", PollUrgency::kDraining), target("c", PollUrgency::kCandidate)});
  const auto next = schedule.next(kStart, /*candidates_only=*/true);
  REQUIRE(next);
  CHECK(next->uid == "c");
  CHECK_FALSE(schedule.next(kStart + 1s, /*candidates_only=*/true));
  CHECK_FALSE(schedule.next_due(/*candidates_only=*/true));
  CHECK(schedule.next(kStart + 1s)->uid == "d");
}

TEST_CASE("a target that has not answered is not asked again") {
  PollSchedule schedule;
  schedule.set_targets("live/edge", {target("d", PollUrgency::kDraining)});
  REQUIRE(schedule.next(kStart));
  CHECK_FALSE(schedule.next(kStart + 10s));
  CHECK_FALSE(schedule.next_due());
  schedule.finished("d");
  CHECK(schedule.next_due() == kStart + kPollDraining);
  CHECK(schedule.next(kStart + 10s));
}

TEST_CASE("targets come and go with their gateway") {
  PollSchedule schedule;
  schedule.set_targets("live/edge", {target("a"), target("b")});
  schedule.set_targets("live/other", {target("x", PollUrgency::kOther, "live/other")});
  schedule.set_targets("live/edge", {target("b")});
  CHECK(asked(schedule, kStart, 100ms) == std::vector<std::string>{"b", "x"});
  // A higher urgency takes effect at once, counted from when it was last asked.
  schedule.set_targets("live/edge", {target("b", PollUrgency::kDraining)});
  CHECK(schedule.next_due() == kStart + kPollDraining);
  schedule.set_targets("live/edge", {});
  schedule.set_targets("live/other", {});
  CHECK_FALSE(schedule.next_due());
}

TEST_CASE("a fleet at rest is sampled until one of its pods has something new to say") {
  PollSchedule schedule;
  const auto fill = [&](const std::string& key, int pods, PollUrgency urgency = PollUrgency::kOther,
                        SteadyTime newcomers_due = {}) {
    std::vector<PollTarget> targets;
    for (int i = 0; i < pods; ++i) targets.push_back(target(key + std::to_string(i), PollUrgency::kOther, key));
    targets.front().urgency = urgency;
    schedule.set_targets(key, targets, newcomers_due);
  };
  // What is asked of each fleet in `time`; `says` answers for a pod.
  std::map<std::string, int> asked;
  SteadyTime now = kStart;
  const auto run = [&](Duration time, const std::function<PollResult(const std::string&)>& says) {
    asked.clear();
    for (const SteadyTime end = now + time; now < end; now += 5ms) {
      if (const auto next = schedule.next(now)) {
        ++asked[next->key];
        schedule.finished(next->uid, says(next->uid));
      }
    }
  };
  const auto same = [](const std::string&) { return PollResult::kSame; };
  fill("a", 200);
  fill("b", 200);
  fill("small", 3);
  run(20s, same);  // Everybody has been asked twice.
  run(20s, same);
  const int all = 20 * kRestingPollsPerSecondMax;
  CHECK(asked["a"] + asked["b"] + asked["small"] <= all + 1);
  CHECK(asked["a"] >= all * 2 / 5);
  CHECK(asked["b"] >= all * 2 / 5);
  CHECK(asked["small"] >= 8);  // Not so much less often than before: who is late comes first.

  SUBCASE("one answer that differs wakes its fleet, and no other") {
    run(10s, [](const std::string& uid) { return uid[0] == 'b' ? PollResult::kChanged : PollResult::kSame; });
    CHECK(asked["b"] > 350);
    CHECK(asked["a"] <= 10 * kRestingPollsPerSecondMax);
    run(1s, same);
    run(10s, same);
    CHECK(asked["b"] <= 10 * kRestingPollsPerSecondMax);
  }
  SUBCASE("so does one that does not answer") {
    run(5s, [](const std::string& uid) { return uid[0] == 'b' ? PollResult::kFailed : PollResult::kSame; });
    CHECK(asked["b"] > 150);
  }
  SUBCASE("a pod more, and whatever else is urgent, wakes it") {
    fill("a", 201);
    run(500ms, same);
    CHECK(asked["a"] >= kRestingAfterMax);
    fill("a", 201, PollUrgency::kDraining);
    run(5s, same);
    CHECK(asked["a"] > 150);
  }
  SUBCASE("it does not rest again before whoever has joined is heard") {
    fill("a", 201, PollUrgency::kOther, now + 10s);
    run(10s, same);
    CHECK(asked["a"] > 300);
    run(1s, same);
    run(10s, same);
    CHECK(asked["a"] <= 10 * kRestingPollsPerSecondMax);
  }
  SUBCASE("the same targets once more do not") {
    fill("a", 200);
    run(5s, same);
    CHECK(asked["a"] <= 5 * kRestingPollsPerSecondMax);
    schedule.set_targets("a", {});
    schedule.set_targets("b", {});
    schedule.set_targets("small", {});
    CHECK_FALSE(schedule.next_due());
  }
}

TEST_CASE("a pod that another gateway names from now on is that one's") {
  PollSchedule schedule;
  schedule.set_targets("live/edge", {target("a"), target("b")});
  schedule.set_targets("live/other", {target("a", PollUrgency::kOther, "live/other")});
  schedule.set_targets("live/edge", {target("b")});
  CHECK(asked(schedule, kStart, 100ms) == std::vector<std::string>{"a", "b"});
  schedule.finished("a");
  CHECK(schedule.next(kStart + kPollOther)->key == "live/other");
  schedule.set_targets("live/other", {});
  CHECK(schedule.tally().heard == 1);
}

TEST_CASE("newcomers wait for their first turn, but for those that are urgent") {
  PollSchedule schedule;
  schedule.set_targets("live/edge", {target("a")});
  CHECK(asked(schedule, kStart, 100ms) == std::vector<std::string>{"a"});
  schedule.set_targets("live/edge", {target("a"), target("b"), target("d", PollUrgency::kDraining)}, kStart + 8s);
  CHECK(asked(schedule, kStart + 3s + 50ms, 100ms) == std::vector<std::string>{"d"});
  CHECK(asked(schedule, kStart + 5s, 100ms) == std::vector<std::string>{"a", "d"});
  schedule.set_targets("live/edge", {target("a"), target("b")}, kStart + 99s);
  CHECK(asked(schedule, kStart + 8s - 1ms, 100ms) == std::vector<std::string>{"b"});
  // Who becomes urgent meanwhile is asked at once.
  schedule.set_targets("live/edge", {target("a"), target("b"), target("n")}, kStart + 99s);
  CHECK(asked(schedule, kStart + 9s, 100ms).empty());
  schedule.set_targets("live/edge", {target("a"), target("b"), target("n", PollUrgency::kDraining)}, kStart + 99s);
  CHECK(asked(schedule, kStart + 9s + 200ms, 100ms) == std::vector<std::string>{"n"});
  // Nor are they forgotten while the fleet has no pod to ask.
  schedule.set_targets("live/edge", {});
  schedule.set_targets("live/edge", {target("c")}, kStart + 30s);
  CHECK(asked(schedule, kStart + 30s - 1ms, 100ms) == std::vector<std::string>{"c"});
  schedule.forget("live/edge");
  schedule.set_targets("live/edge", {target("c")}, kStart + 99s);
  CHECK(asked(schedule, kStart + 31s, 100ms) == std::vector<std::string>{"c"});
  // To a new leader nobody is a newcomer.
  PollSchedule other;
  other.set_targets("live/edge", {target("a"), target("b")}, kStart + 99s);
  CHECK(asked(other, kStart, 100ms) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("the tally is the last word of each target") {
  PollSchedule schedule;
  const auto target = [](const char* uid) { return PollTarget{.uid = uid, .address = "x", .key = "k"}; };
  const auto tally = [&] { return std::make_pair(schedule.tally().heard, schedule.tally().failing); };
  schedule.set_targets("k", {target("a"), target("b"), target("c")});
  CHECK(tally() == std::make_pair(0, 0));
  schedule.finished("a", PollResult::kFailed);
  schedule.finished("b");
  CHECK(tally() == std::make_pair(2, 1));
  schedule.finished("a", PollResult::kFailed);
  schedule.finished("c", PollResult::kFailed);
  CHECK(tally() == std::make_pair(3, 2));
  schedule.finished("a");
  schedule.finished("nobody", PollResult::kFailed);
  CHECK(tally() == std::make_pair(3, 1));
  schedule.set_targets("k", {target("a"), target("b")});
  CHECK(tally() == std::make_pair(2, 0));
  schedule.set_targets("k", {});
  CHECK(tally() == std::make_pair(0, 0));
}

TEST_CASE("what is watched is asked each second, and keeps nobody from his turn") {
  PollSchedule schedule;
  std::vector<PollTarget> targets{{.uid = "w", .address = "x", .key = "k", .urgency = PollUrgency::kWatched},
                                  {.uid = "o", .address = "x", .key = "k"}};
  schedule.set_targets("k", targets);
  std::map<std::string, int> asked;
  for (SteadyTime now = kStart; now < kStart + 10s; now += kPollSpacing) {
    if (const auto next = schedule.next(now)) {
      ++asked[next->uid];
      schedule.finished(next->uid);
    }
  }
  CHECK(asked["w"] == 10);
  CHECK(asked["o"] == 2);
  // Many that are watched, more than can be asked: the other has its turn all the same.
  asked.clear();
  for (int i = 0; i < 200; ++i) {
    targets.push_back({.uid = "w" + std::to_string(i), .address = "x", .key = "k", .urgency = PollUrgency::kWatched});
  }
  schedule.set_targets("k", targets);
  for (SteadyTime now = kStart + 20s; now < kStart + 60s; now += kPollSpacing) {
    if (const auto next = schedule.next(now)) {
      ++asked[next->uid];
      schedule.finished(next->uid);
    }
  }
  CHECK(asked["o"] >= 4);
}

}  // namespace sluice::op
