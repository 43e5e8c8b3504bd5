#include "cli/event_rows.h"

#include <doctest/doctest.h>

#include "cli/test_objects.h"

namespace sluice::cli {
namespace {

using kube::Json;

Json event(const char* kind, const char* name, const char* time = "2026-11-23T11:59:00.000000Z") {
  return {{"metadata", {{"name", std::string(name) + ".1"}, {"namespace", "prod"}}},
          {"regarding", {{"kind", kind}, {"name", name}}},
          {"eventTime", time},
          {"type", "Normal"},
          {"reason", "DrainStarted"},
          {"note", "it begins"}};
}

TEST_CASE("which events are a gateway's") {
  struct Case {
    const char* kind;
    const char* name;
    bool concerns;
  };
  const Case rows[] = {{"RealtimeGateway", "edge", true},
                       {"RealtimeGateway", "edge-b", false},
                       {"Pod", "edge-4bz7k", true},
                       {"Pod", "edge-b-4bz7k", false},
                       {"Pod", "edge", false},
                       {"Pod", "edge-4BZ7K", false},
                       {"Service", "edge", true},
                       {"Service", "edge-other", false},
                       {"PodDisruptionBudget", "edge-draining", true},
                       {"ConfigMap", "edge-admin-keys", true},
                       {"Node", "edge", false},
                       {"", "", false}};
  for (const Case& row : rows) {
    CAPTURE(row.name);
    CHECK(concerns(event(row.kind, row.name), {"edge"}) == row.concerns);
  }
  CHECK_FALSE(concerns(event("Pod", "edge-4bz7k"), {}));
}

TEST_CASE("events in the order of time") {
  std::vector<Json> events = {event("Pod", "c", "2026-11-23T11:59:30.5Z"), event("Pod", "a", "2026-11-23T11:59:30Z"),
                              event("Pod", "b", "2026-11-23T11:59:30Z"), event("Pod", "d", "2026-11-23T11:00:00Z")};
  events[3]["series"] = {{"count", 4}, {"lastObservedTime", "2026-11-23T11:58:00.000000Z"}};
  sort_events(events);
  std::string names;
  for (const Json& each : events) names += kube::text_at(each, "/regarding/name");
  CHECK(names == "dabc");
  const auto lines = render(events_table(events, false, testing::kNoon), {});
  CHECK(lines[0] == "LAST SEEN   TYPE     REASON         OBJECT   MESSAGE");
  CHECK(lines[1] == "2m (x4)     Normal   DrainStarted   pod/d    it begins");
  CHECK(lines[2] == "30s         Normal   DrainStarted   pod/a    it begins");
}

TEST_CASE("types of events") {
  std::vector<std::string> types;
  CHECK(parse_event_types("", types));
  CHECK(parse_event_types("Warning,normal", types));
  CHECK(types == std::vector<std::string>{"Warning", "Normal"});
  CHECK_FALSE(parse_event_types("Fatal", types));
}

}  // namespace
}  // namespace sluice::cli
