// The oracle's invariants about canary steps, each with an act that breaks it and the nearest one that does not.
#include <doctest/doctest.h>

#include <string>

#include "operator/names.h"
#include "operator/simulation/oracle.h"
#include "operator/simulation/oracle_test_scene.h"

namespace sluice::op::simulation {
namespace {

using kube::Json;

CanaryProgress progress_of(const char* revision, int step, CanaryPhase phase, WallTime since) {
  CanaryProgress progress;
  progress.revision = revision;
  progress.step = step;
  progress.phase = phase;
  progress.since = since;
  return progress;
}

/// A fleet on "good" whose first step to `revision` has been held for a minute.
class Canary : public Scene {
 public:
  explicit Canary(const char* revision) : Scene(4), revision_(revision) {
    Json status{{"currentRevision", "good"}};
    if (std::string(revision) == "good") status["currentRevision"] = "older";
    world.write_status(status);
    world.write_spec(
        {{"rollout",
          {{"canary",
            {{"steps", Json::array({{{"percent", 25}, {"hold", "30s"}}, {{"percent", 50}, {"hold", "30s"}}})},
             {"gates", Json::array({{{"metric", "HandshakeSuccess"}, {"minSamples", 50}}})}}}}}});
    drain("p3");
    make("c0", revision);
    if (std::string(revision) == "good") {
      // The others are of a third one.
      for (const char* name : {"p0", "p1", "p2", "p3"}) {
        (void)world.patch_pod(name, "", {{kRevisionLabel, "older"}}, nullptr);
      }
    }
    settle();
    before = progress_of(revision, 0, CanaryPhase::kHolding, world.clock.wall() - 1min);
    oracle.stepping(before, at(0, CanaryNews::kNone));
  }

  [[nodiscard]] CanaryDecision at(int step, CanaryNews news, CanaryPhase phase = CanaryPhase::kMaking) const {
    CanaryDecision decision;
    decision.progress = progress_of(revision_, step, phase, world.clock.wall());
    decision.news = news;
    return decision;
  }

  CanaryProgress before;

 private:
  const char* revision_;
};

}  // namespace

TEST_CASE("oracle: no canary passes a gate that fails") {
  SUBCASE("of a bad revision") {
    Canary canary(kBadVersion);
    canary.oracle.stepping(canary.before, canary.at(1, CanaryNews::kPassed));
    CHECK(canary.says("though half of its handshakes and closes fail"));
  }
  SUBCASE("of a bad revision that nobody judges") {
    Canary canary(kBadVersion);
    canary.world.write_spec({{"rollout", {{"canary", {{"onInsufficientSamples", "Proceed"}}}}}});
    canary.oracle.look();
    canary.oracle.stepping(canary.before, canary.at(1, CanaryNews::kPassed));
    CHECK(canary.verdict() == "");
  }
  SUBCASE("of a good one") {
    Canary canary("good");
    canary.oracle.stepping(canary.before, canary.at(1, CanaryNews::kPassed));
    CHECK(canary.verdict() == "");
  }
  SUBCASE("nor is a good one halted") {
    Canary canary("good");
    canary.oracle.stepping(canary.before, canary.at(0, CanaryNews::kFailed, CanaryPhase::kHalted));
    CHECK(canary.says("nothing is the matter with it"));
  }
  SUBCASE("before its time") {
    Canary canary("good");
    canary.before.since = canary.world.clock.wall() - 20s;
    canary.oracle.stepping(canary.before, canary.at(1, CanaryNews::kPassed));
    CHECK(canary.says("before its hold is over"));
  }
  SUBCASE("two at once") {
    Canary canary("good");
    canary.oracle.stepping(canary.before, canary.at(2, CanaryNews::kPassed));
    CHECK(canary.says("with others after it at once"));
  }
  SUBCASE("promoted by nobody") {
    Canary canary(kBadVersion);
    canary.oracle.stepping(canary.before, canary.at(1, CanaryNews::kPromoted));
    CHECK(canary.says("nobody has promoted it"));
  }
  SUBCASE("promoted") {
    Canary canary(kBadVersion);
    canary.world.promote("bad/1");
    canary.oracle.look();
    canary.oracle.stepping(canary.before, canary.at(1, CanaryNews::kPromoted));
    CHECK(canary.verdict() == "");
  }
  SUBCASE("by beginning behind them") {
    Canary canary(kBadVersion);
    canary.oracle.stepping(progress_of("good", 2, CanaryPhase::kDone, canary.world.clock.wall()),
                           canary.at(2, CanaryNews::kNone, CanaryPhase::kDone));
    CHECK(canary.says("begins behind its first step"));
  }
}

TEST_CASE("oracle: a step makes no more pods than its share") {
  Canary canary("good");  // One of four is there.
  SUBCASE("of the first step") {
    canary.oracle.creating("good");
    CHECK(canary.says("2 pods of good would be there, step 1 is for 1"));
  }
  SUBCASE("of the second step") {
    canary.oracle.stepping(canary.before, canary.at(1, CanaryNews::kPassed));
    canary.oracle.creating("good");
    CHECK(canary.verdict() == "");
  }
  SUBCASE("beside one whose node goes") {
    canary.world.cordon(kube::text_at(canary.world.pods().at("c0").object, "/spec/nodeName"));
    canary.oracle.creating("good");
    CHECK(canary.verdict() == "");
  }
}

}  // namespace sluice::op::simulation
