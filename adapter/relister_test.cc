#include "adapter/relister.h"

#include <doctest/doctest.h>

#include <future>

namespace sluice::adapter {
namespace {

class FakeSeries final : public SeriesApi {
 public:
  Result<SeriesNames> series(const std::string& selector, WallTime start) override {
    ++calls[selector];
    started = start;
    if (clock != nullptr) clock->advance(takes);
    const auto answer = answers.find(selector);
    return answer == answers.end() ? Result<SeriesNames>(Error{ErrorCode::kUnavailable, "down"}) : answer->second;
  }
  std::map<std::string, Result<SeriesNames>> answers;
  std::map<std::string, int> calls;
  WallTime started{};
  ManualClock* clock = nullptr;
  Duration takes{0};
};

Result<ResourceMap> pods_only() {
  ResourceMap map;
  map.add({"", "v1", "pods", "pod", "Pod", true});
  return map;
}

std::shared_ptr<const std::vector<Rule>> rules() {
  auto parsed = parse_rules(R"(
rules:
- {seriesQuery: a, metricsQuery: x, resources: {template: <<.Resource>>}}
- {seriesQuery: b, metricsQuery: x, resources: {template: <<.Resource>>}}
- {seriesQuery: a, metricsQuery: x, name: {as: again}, resources: {template: <<.Resource>>}}
)",
                            "r");
  REQUIRE_MESSAGE(parsed.ok(), (parsed.ok() ? "" : parsed.error().message));
  return std::make_shared<const std::vector<Rule>>(std::move(*parsed));
}

struct Fixture {
  FakeSeries prometheus;
  ManualClock clock;
  CatalogHolder catalog;
  MetricsRegistry metrics;
  Result<ResourceMap> resources = pods_only();
  Relister relister{rules(), prometheus, [this] { return resources; }, clock, {}, catalog, metrics};

  std::string metrics_known() const {
    std::string out;
    for (const auto& [key, source] : catalog.get()->index()) out += key.metric + " ";
    return out;
  }
};

TEST_CASE("a rule that fails keeps what it had and stops no other") {
  Fixture f;
  f.prometheus.answers.emplace("a", SeriesNames{{"a1", {"pod"}}});
  CHECK_FALSE(f.relister.relist());
  CHECK(f.metrics_known() == "a1 again ");
  CHECK(f.catalog.get()->not_listed() == "rule 2: down");
  CHECK(f.prometheus.calls["a"] == 1);
  CHECK(f.prometheus.started == f.clock.wall() - std::chrono::minutes(2));
  CHECK(f.metrics.text().find("sluice_adapter_rule_failing{rule=\"2\"} 1") != std::string::npos);

  f.prometheus.answers.emplace("b", SeriesNames{{"b1", {"pod"}}});
  f.prometheus.answers.erase("a");
  CHECK_FALSE(f.relister.relist());
  CHECK(f.metrics_known() == "a1 again b1 ");
  CHECK(f.catalog.get()->not_listed().empty());

  f.prometheus.answers.emplace("a", SeriesNames{});
  CHECK(f.relister.relist());
  CHECK(f.metrics_known() == "b1 ");
  CHECK(f.metrics.text().find("sluice_adapter_rule_failing{rule=\"2\"} 0") != std::string::npos);
}

TEST_CASE("without the API server's resources there is no catalog, and an old one stays") {
  Fixture f;
  f.prometheus.answers.emplace("a", SeriesNames{{"a1", {"pod"}}});
  f.prometheus.answers.emplace("b", SeriesNames{});
  const Result<ResourceMap> down = Error{ErrorCode::kUnavailable, "down"};
  f.resources = down;
  CHECK_FALSE(f.relister.relist());
  CHECK(f.catalog.get() == nullptr);
  f.resources = pods_only();
  CHECK(f.relister.relist());
  CHECK(f.metrics_known() == "a1 again ");
  f.resources = down;
  CHECK_FALSE(f.relister.relist());
  CHECK(f.metrics_known() == "a1 again ");
}

TEST_CASE("a relist that takes too long goes on with the rules it left out") {
  Fixture f;
  f.prometheus.answers.emplace("a", SeriesNames{{"a1", {"pod"}}});
  f.prometheus.answers.emplace("b", SeriesNames{{"b1", {"pod"}}});
  f.prometheus.clock = &f.clock;
  f.prometheus.takes = std::chrono::minutes(2);
  CHECK_FALSE(f.relister.relist());
  CHECK(f.metrics_known() == "a1 ");
  CHECK_FALSE(f.relister.relist());
  CHECK(f.prometheus.calls["b"] == 1);
  CHECK(f.metrics_known() == "a1 b1 ");
}

TEST_CASE("the thread relists once at its start and ends when it is told to") {
  Fixture f;
  f.prometheus.answers.emplace("a", SeriesNames{{"a1", {"pod"}}});
  f.relister.start();
  while (f.catalog.get() == nullptr) std::this_thread::yield();
  f.relister.hurry();
  f.relister.stop();
  CHECK(f.metrics_known() == "a1 again ");
}

}  // namespace
}  // namespace sluice::adapter
