// Each invariant of the oracle is given an act that breaks it, and the nearest one that does not; canary steps:
// oracle_canary_test.cc.
#include "operator/simulation/oracle.h"

#include <doctest/doctest.h>

#include <string>

#include "operator/eviction.h"
#include "operator/names.h"
#include "operator/simulation/oracle_test_scene.h"
#include "operator/simulation/unfinished.h"

namespace sluice::op::simulation {
using kube::Json;

TEST_CASE("oracle: nothing begins to drain under a freeze") {
  Scene scene(4);
  scene.world.write_spec({{"drainFreeze", true}, {"replicas", 2}});
  scene.pass(10s);
  scene.start("p0");
  CHECK(scene.verdict() == "");  // The operator may not know of it yet.
  scene.settle();
  SUBCASE("by a scale-down") {
    scene.start("p0");
  }
  SUBCASE("by a deletion of the whole gateway") {
    scene.start("p0", DrainReason::kDelete);
  }
  CHECK(scene.says("though drains have been frozen for long"));
}

TEST_CASE("oracle: no more pods drain at once than may, and enough go on serving") {
  Scene scene(4);
  SUBCASE("two where one may") {
    scene.world.write_spec({{"replicas", 1}});
    scene.settle();
    scene.start("p0");
    CHECK(scene.verdict() == "");
    scene.drain("p0");
    scene.start("p1");
    CHECK(scene.says("pods drain already"));
  }
  SUBCASE("too few are left") {
    scene.settle();
    scene.start("p0");
    CHECK(scene.says("leaves 3 serving pods, 4 are needed"));
  }
  SUBCASE("a pod that is out of the fleet is none of them") {
    scene.put_out("p0");
    scene.settle();
    scene.start("p0", DrainReason::kOffline);
    CHECK(scene.verdict() == "");
  }
}

TEST_CASE("oracle: no pod is deleted with connections before its drain is over") {
  Scene scene(2, 40);
  const auto remove = [&] {
    const PodRef pod = scene.ref("p0");
    scene.oracle.deleting(pod.name, pod.uid, pod.resource_version);
  };
  SUBCASE("without a drain") {
    remove();
    CHECK(scene.says("without a drain"));
  }
  SUBCASE("before the deadline") {
    scene.drain("p0");
    remove();
    CHECK(scene.says("before its deadline"));
  }
  SUBCASE("frozen") {
    scene.drain("p0", {.started_at = {}, .deadline = scene.world.clock.wall() - 1s, .frozen_at = WallTime{}});
    remove();
    CHECK(scene.says("while its drain is frozen"));
  }
  SUBCASE("after the deadline") {
    scene.drain("p0", {.started_at = {}, .deadline = scene.world.clock.wall() - 1s, .frozen_at = {}});
    remove();
    CHECK(scene.verdict() == "");
  }
  SUBCASE("whatever it has become") {
    scene.oracle.deleting("p0", scene.ref("p0").uid, "");
    CHECK(scene.says("names no UID or no version"));
  }
}

TEST_CASE("oracle: no more pods are out than maxKickedPercent, one at least") {
  Scene scene(4);
  scene.settle();
  scene.make_unready("p1");
  scene.settle();
  scene.make_unready("p1");
  SUBCASE("the first one") {
    scene.kick("p1", 3);
    CHECK(scene.verdict() == "");
  }
  SUBCASE("a second one beside one that is out") {
    scene.put_out("p0");
  }
  SUBCASE("a second one beside one on its way back") {
    scene.put_out("p0");
    scene.label("p0", "gray", "on");
  }
  SUBCASE("any where it is 0") {
    scene.world.write_spec({{"healing", {{"maxKickedPercent", 0}}}});
    scene.settle();
    scene.make_unready("p1");
  }
  if (scene.verdict().empty() && !kube::annotation_of(scene.world.pods().at("p0").object, kHealthAnnotation).empty()) {
    scene.kick("p1", 3);
    CHECK(scene.says("leaves 2 of 4 pods out, 1 may be"));
  } else if (scene.world.spec()->healing.kicked_percent_max == 0) {
    scene.kick("p1", 3);
    CHECK(scene.says("leaves 1 of 4 pods out, 0 may be"));
  }
}

TEST_CASE("oracle: nobody is kicked by the operator's own word alone") {
  Scene scene(3);
  scene.settle();
  SUBCASE("silent, and the kubelet says ready") {
    scene.kick("p0", 3);
    CHECK(scene.says("though its kubelet says that it is ready"));
  }
  SUBCASE("a dead node that is ready") {
    scene.kick("p0", 4);
    CHECK(scene.says("though its node is ready"));
  }
  SUBCASE("a dead node") {
    scene.world.lose_node(kube::text_at(scene.world.pods().at("p0").object, "/spec/nodeName"), World::Loss::kNetwork);
    scene.pass(25s);
    scene.kick("p0", 4);
    CHECK(scene.verdict() == "");
  }
  SUBCASE("back-off of a container that runs") {
    scene.kick("p0", 5);
    CHECK(scene.says("does not back off"));
  }
  SUBCASE("back-off") {
    scene.world.crash_often(scene.world.pods().at("p0"), 3);
    for (int i = 0; i < 100 && kube::text_at(scene.world.pods().at("p0").object,
                                             "/status/containerStatuses/0/state/waiting/reason") == "";
         ++i) {
      scene.pass(200ms);
    }
    scene.kick("p0", 5);
    CHECK(scene.verdict() == "");
  }
  SUBCASE("a missed poll") {
    scene.kick("p0", 2);
    CHECK(scene.says("too slight"));
  }
}

TEST_CASE("oracle: who takes a pod out of the endpoints leaves somebody in them") {
  Scene scene(2);
  scene.settle();
  scene.oracle.relabeling({.pod = scene.ref("p0"), .state = "active", .traffic = false, .why = "too full"});
  CHECK(scene.verdict() == "");
  scene.label("p0", "active", "off");
  scene.oracle.relabeling({.pod = scene.ref("p1"), .state = "active", .traffic = false, .why = "too full"});
  CHECK(scene.says("nobody is left in them"));
}

TEST_CASE("oracle: sheds and drains stay in the one budget together") {
  Scene scene(3, 300);  // Three receivers at 20/s each.
  scene.settle();
  const auto shed = [&](double rate) {
    scene.oracle.shedding({.pod = scene.ref("p0"), .id = "a", .count = 50, .rate_per_second = rate});
  };
  SUBCASE("alone") {
    shed(60);
    CHECK(scene.verdict() == "");
    shed(70);
    CHECK(scene.says("the budget is 60"));
  }
  SUBCASE("beside a drain") {
    (void)scene.world.order_drain(scene.ref("p1").uid, "ScaleDown", scene.world.clock.wall() + 1h, 30);
    shed(60);
    CHECK(scene.says("brings the rates in effect to 90"));
  }
  SUBCASE("in effect") {
    (void)scene.world.order_shed(scene.ref("p0").uid, "a", 90, 70);
    scene.oracle.look();
    CHECK(scene.says("rates of 70"));
  }
}

TEST_CASE("oracle: a cordoned node's pods drain before an eviction lets them go") {
  Scene scene(3, 90);
  const std::string node = kube::text_at(scene.world.pods().at("p0").object, "/spec/nodeName");
  scene.world.cordon(node);
  SUBCASE("not in the middle of its drain") {
    scene.drain("p0");
    scene.oracle.evicting(scene.world.pods().at("p0"));
    CHECK(scene.says("in the middle of its drain"));
  }
  SUBCASE("not before it where nobody may be missing") {
    scene.world.write_spec({{"disruption", {{"maxUnavailable", 0}}}});
    scene.settle();
    scene.oracle.evicting(scene.world.pods().at("p0"));
    CHECK(scene.says("and has not drained"));
  }
  SUBCASE("one may be missing") {
    scene.settle();
    scene.oracle.evicting(scene.world.pods().at("p0"));
    CHECK(scene.verdict() == "");
  }
  SUBCASE("nor does peace end before") {
    CHECK(unfinished(scene.world) == "p0 is to go for " + node);
  }
}

TEST_CASE("oracle: who is told that an eviction is over may count on it") {
  Scene scene(2, 20);
  if (!scene.world.has_evictions()) return;
  scene.world.ask_eviction("p0");
  const std::string name = scene.world.evictions().begin()->first;
  const Json over{{"name", kEvictionResponder}, {"completionTime", "2020-01-01T00:00:00Z"}};
  SUBCASE("while the pod serves") {
    scene.oracle.reporting(name, over);
    CHECK(scene.says("is told that it is over"));
  }
  SUBCASE("once it terminates") {
    scene.world.lose_pod("p0");
    scene.oracle.reporting(name, over);
    CHECK(scene.verdict() == "");
  }
  SUBCASE("or nobody asks any more") {
    scene.world.withdraw_eviction(name);
    scene.oracle.reporting(name, over);
    CHECK(scene.verdict() == "");
  }
}

TEST_CASE("world: the eviction API keeps to the operator's budgets") {
  Scene scene(3, 90);
  SUBCASE("a pod that drains stays") {
    scene.drain("p0");
    CHECK_FALSE(scene.world.evict("p0"));
  }
  SUBCASE("one may be missing") {
    CHECK(scene.world.evict("p0"));
    CHECK_FALSE(scene.world.evict("p1"));
  }
  SUBCASE("nobody may be missing, not even beside a replacement") {
    scene.world.write_spec({{"disruption", {{"maxUnavailable", 0}}}});
    scene.make("p3", "good");
    scene.pass(15s);
    REQUIRE(is_ready(scene.world.pods().at("p3")));
    CHECK_FALSE(scene.world.evict("p0"));
  }
  CHECK(scene.verdict() == "");
}

}  // namespace sluice::op::simulation
