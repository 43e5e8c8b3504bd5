#include "common/kube/events.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "tests/integration/kube/cluster.h"

namespace sluice::kube {
namespace {

using Counts = std::map<std::string, std::int64_t>;

/// What the API server has of the namespace's events, by note: how often each happened.
Counts counts(TestNamespace& ns) {
  Counts out;
  const Result<Json> list = ns.client().list(kEvents, ns.name());
  if (!list) return out;
  for (const Json& event : (*list)["items"]) out[text_at(event, "/note")] += integer_at(event, "/series/count", 1);
  return out;
}

/// The same as a watch tells it. A recorder is waited for by this, not by its end: that gives up after two seconds.
class Watched {
 public:
  explicit Watched(TestNamespace& ns) {
    Client::WatchCallbacks callbacks;
    callbacks.on_event = [this](const WatchEvent& event) {
      if (event.type != WatchEvent::Type::kAdded && event.type != WatchEvent::Type::kModified) return;
      objects_.change([&](Objects& all) { all[std::string(name_of(event.object))] = event.object; });
    };
    watch_ = ns.client().watch(kEvents, ns.name(), {}, std::move(callbacks));
  }
  bool wait(const Counts& expected) {
    return objects_.wait([&](const Objects& all) {
      Counts now;
      for (const auto& [name, event] : all) now[text_at(event, "/note")] += integer_at(event, "/series/count", 1);
      return now == expected;
    });
  }

 private:
  using Objects = std::map<std::string, Json>;
  Awaited<Objects> objects_;
  std::unique_ptr<http::Stream> watch_;
};

}  // namespace

TEST_CASE("an event stands where kubectl describe looks for it") {
  TestNamespace ns;
  const Result<Json> object = ns.client().create(kConfigMaps, ns.name(), config_map("edge", "x"));
  REQUIRE(object.ok());
  SystemClock clock;
  Random random(Random::entropy());
  {
    EventRecorder recorder(ns.client(), clock, random, "sluice-test", "pod-1", nullptr);
    recorder.record(*object, EventType::kWarning, "DrainTimedOut", "Drain", "12 connections were left.");
    REQUIRE(Watched(ns).wait({{"12 connections were left.", 1}}));
  }
  const Result<Json> events = ns.client().list(kEvents, ns.name());
  REQUIRE(events.ok());
  REQUIRE((*events)["items"].size() == 1);
  const Json& event = (*events)["items"][0];
  CHECK(text_at(event, "/regarding/name") == "edge");
  CHECK(text_at(event, "/regarding/uid") == uid_of(*object));
  CHECK(text_at(event, "/regarding/kind") == "ConfigMap");
  CHECK(text_at(event, "/type") == "Warning");
  CHECK(text_at(event, "/reason") == "DrainTimedOut");
  CHECK(text_at(event, "/action") == "Drain");
  CHECK(text_at(event, "/note") == "12 connections were left.");
  CHECK(text_at(event, "/reportingController") == "sluice-test");
  CHECK(text_at(event, "/reportingInstance") == "pod-1");
  // As kubectl describe asks: the core group's events by the object that they are about.
  const Resource core{"", "v1", "events", "Event"};
  const Result<Json> described =
      ns.client().list(core, ns.name(), {.field_selector = "involvedObject.uid=" + std::string(uid_of(*object))});
  REQUIRE(described.ok());
  CHECK((*described)["items"].size() == 1);
}

TEST_CASE("like events are counted in one object, and a noisy object is cut off") {
  TestNamespace ns;
  const Result<Json> quiet = ns.client().create(kConfigMaps, ns.name(), config_map("quiet", "x"));
  const Result<Json> noisy = ns.client().create(kConfigMaps, ns.name(), config_map("noisy", "x"));
  REQUIRE(quiet.ok());
  REQUIRE(noisy.ok());
  SystemClock clock;
  Random random(Random::entropy());
  MetricsRegistry metrics;
  {
    EventRecorder recorder(ns.client(), clock, random, "sluice-test", "pod-1", &metrics);
    for (int i = 0; i < 5; ++i) recorder.record(*quiet, EventType::kNormal, "DrainStarted", "Drain", "again");
    for (int i = 0; i < 40; ++i) recorder.record(*noisy, EventType::kNormal, "Loop", "Loop", "spinning");
    // They are handled in order: once this one is there, what came before it is sent or lost.
    recorder.record(*quiet, EventType::kNormal, "Over", "End", "over");
    REQUIRE(Watched(ns).wait({{"again", 5}, {"spinning", 25}, {"over", 1}}));
  }
  CHECK(counts(ns) == Counts{{"again", 5}, {"spinning", 25}, {"over", 1}});
  CHECK(metrics.text().find("sluice_events_lost_total{reason=\"too many for one object\"} 15") != std::string::npos);
}

TEST_CASE("past ten notes similar events are one that says so") {
  TestNamespace ns;
  const Result<Json> object = ns.client().create(kConfigMaps, ns.name(), config_map("edge", "x"));
  REQUIRE(object.ok());
  SystemClock clock;
  Random random(Random::entropy());
  {
    EventRecorder recorder(ns.client(), clock, random, "sluice-test", "pod-1", nullptr);
    for (int i = 0; i < 15; ++i) {
      recorder.record(*object, EventType::kNormal, "VictimSelected", "Drain", "pod " + std::to_string(i));
    }
    Counts expected{{"(combined from similar events): pod 10", 5}};
    for (int i = 0; i < 10; ++i) expected["pod " + std::to_string(i)] = 1;
    REQUIRE(Watched(ns).wait(expected));
  }
}

TEST_CASE("an event whose object has expired is made anew") {
  TestNamespace ns;
  const Result<Json> object = ns.client().create(kConfigMaps, ns.name(), config_map("edge", "x"));
  REQUIRE(object.ok());
  SystemClock clock;
  Random random(Random::entropy());
  {
    EventRecorder recorder(ns.client(), clock, random, "sluice-test", "pod-1", nullptr);
    Awaited<std::set<std::string>> made;
    Client::WatchCallbacks callbacks;
    callbacks.on_event = [&](const WatchEvent& event) {
      if (event.type == WatchEvent::Type::kAdded)
        made.change([&](auto& names) { names.emplace(name_of(event.object)); });
    };
    const auto watch = ns.client().watch(kEvents, ns.name(), {}, std::move(callbacks));
    recorder.record(*object, EventType::kNormal, "Seen", "See", "twice");
    REQUIRE(made.wait([](const auto& names) { return names.size() == 1; }));
    REQUIRE(ns.client().remove(kEvents, ns.name(), *made.get().begin()).ok());
    recorder.record(*object, EventType::kNormal, "Seen", "See", "twice");
    CHECK(made.wait([](const auto& names) { return names.size() == 2; }));
  }
  CHECK(counts(ns) == Counts{{"twice", 1}});
}

}  // namespace sluice::kube
