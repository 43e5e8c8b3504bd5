#include "operator/own_writes.h"

#include <doctest/doctest.h>

#include "operator/limits.h"

namespace sluice::op {
namespace {

using kube::Json;

Json pod(const char* name, const char* uid, const char* version, const char* mark = "") {
  return {{"metadata", {{"namespace", "live"}, {"name", name}, {"uid", uid}, {"resourceVersion", version}}},
          {"mark", mark}};
}
kube::Object shared(Json object) {
  return std::make_shared<const Json>(std::move(object));
}

}  // namespace

TEST_CASE("resource versions compare as numbers") {
  CHECK(version_reached("10", "9"));
  CHECK_FALSE(version_reached("9", "10"));
  CHECK(version_reached("10", "10"));
  CHECK(version_reached("1", ""));
  CHECK_FALSE(version_reached("", "1"));
}

TEST_CASE("a pod just made counts until the cache has caught up") {
  ManualClock clock;
  ObjectWrites writes(clock);
  writes.wrote("live/edge", pod("a", "u1", "20"));
  CHECK(writes.newest("live/edge", {}, "19").size() == 1);
  CHECK(writes.newest("live/other", {}, "19").empty());
  // The cache has reached the write and does not hold the pod: it is gone already.
  CHECK(writes.newest("live/edge", {}, "20").empty());
  CHECK(writes.newest("live/edge", {}, "19").empty());
}

TEST_CASE("our newer version is laid over the cache's older one, and the cache's newer one wins") {
  ManualClock clock;
  ObjectWrites writes(clock);
  writes.wrote("k", pod("a", "u1", "20", "ours"));
  auto seen = writes.newest("k", {shared(pod("a", "u1", "15", "old")), shared(pod("b", "u2", "16", "b"))}, "16");
  REQUIRE(seen.size() == 2);
  CHECK((*seen[0])["mark"] == "ours");
  CHECK((*seen[1])["mark"] == "b");
  seen = writes.newest("k", {shared(pod("a", "u1", "21", "newer"))}, "18");
  CHECK((*seen[0])["mark"] == "newer");
}

TEST_CASE("a pod that was gone when the operator began is gone, though the cache still shows it") {
  ManualClock clock;
  ObjectWrites writes(clock);
  writes.wrote("k", pod("a", "u1", "20"));
  writes.listed("30", {"u1"});
  const auto cached = [] {
    return std::vector<kube::Object>{shared(pod("a", "u1", "20")), shared(pod("b", "u2", "21"))};
  };
  CHECK(writes.newest("k", cached(), "25").size() == 1);
  CHECK(writes.newest("other", {shared(pod("c", "u3", "22"))}, "25").empty());
  SUBCASE("one made since, also by the same name, is there") {
    CHECK(writes.newest("other", {shared(pod("b", "u4", "31"))}, "25").size() == 1);
  }
  SUBCASE("the cache is believed once it has reached the list") {
    CHECK(writes.newest("k", cached(), "30").size() == 2);
    CHECK(writes.newest("k", cached(), "25").size() == 2);
  }
}

TEST_CASE("answers that come in another order do not turn time back") {
  ManualClock clock;
  ObjectWrites writes(clock);
  writes.wrote("k", pod("a", "u1", "22", "second"));
  writes.wrote("k", pod("a", "u1", "21", "first"));
  CHECK((*writes.newest("k", {}, "5").front())["mark"] == "second");
}

TEST_CASE("a deleted pod counts as terminating until the cache shows what became of it") {
  ManualClock clock;
  ObjectWrites writes(clock);
  const Json alive = pod("a", "u1", "20");
  Json terminating = pod("a", "u1", "25");
  terminating["metadata"]["deletionTimestamp"] = "2026-11-23T09:30:00Z";

  writes.removed("k", alive);
  CHECK(kube::is_deleting(*writes.newest("k", {shared(alive)}, "20").front()));
  // A new pod of the same name is another pod.
  CHECK_FALSE(kube::is_deleting(*writes.newest("k", {shared(pod("a", "u2", "30"))}, "30").front()));

  writes.removed("k", alive);
  CHECK(writes.newest("k", {}, "26").empty());
  CHECK_FALSE(kube::is_deleting(*writes.newest("k", {shared(alive)}, "26").front()));

  writes.removed("k", alive);
  CHECK((*writes.newest("k", {shared(terminating)}, "25").front())["metadata"]["resourceVersion"] == "25");
}

TEST_CASE("pods are kept as facts in the same way") {
  ManualClock clock;
  PodWrites writes(clock);
  const auto facts = [](const char* version) {
    PodFacts pod;
    pod.ns = "live";
    pod.name = "a";
    pod.uid = "u1";
    pod.resource_version = version;
    return pod;
  };
  const auto cached = [&](const char* version) { return std::make_shared<const PodFacts>(facts(version)); };
  writes.wrote("k", facts("20"));
  CHECK(writes.newest("k", {cached("15")}, "16").front()->resource_version == "20");
  CHECK(writes.newest("k", {cached("21")}, "18").front()->resource_version == "21");
  writes.removed("k", facts("20"));
  const PodPtr gone = writes.newest("k", {cached("20")}, "20").front();
  CHECK(gone->terminating);
  CHECK(gone->killed_at == clock.wall());
  CHECK(writes.newest("k", {}, "26").empty());
}

TEST_CASE("a write is not remembered for ever") {
  ManualClock clock;
  ObjectWrites writes(clock);
  writes.wrote("k", pod("a", "u1", "20"));
  clock.advance(kOwnWriteMemory + 1s);
  CHECK(writes.newest("k", {}, "5").empty());
}

}  // namespace sluice::op
