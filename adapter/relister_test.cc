#include "adapter/relister.h"

#include <doctest/doctest.h>

#include <functional>
#include <future>

namespace sluice::adapter {
namespace {

class FakeSeries final : public SeriesApi {
 public:
  Result<SeriesNames> series(const std::string& selector, WallTime start) override {
    ++calls[selector];
    started = start;
    if (on_call) on_call();
    if (clock != nullptr) clock->advance(takes);
    const auto answer = answers.find(selector);
    return answer == answers.end() ? Result<SeriesNames>(Error{ErrorCode::kUnavailable, "down"}) : answer->second;
  }
  std::map<std::string, Result<SeriesNames>> answers;
  std::map<std::string, int> calls;
  WallTime started{};
  ManualClock* clock = nullptr;
  Duration takes{0};
  std::function<void()> on_call;
};

// Pods, and one more group.
class FakeResources final : public ResourceApi {
 public:
  Result<std::vector<GroupVersion>> group_versions() override {
    ++lists;
    return versions;
  }
  Result<std::vector<ResourceKind>> resources(const GroupVersion& version) override {
    ++reads;
    if (version.text() == failing) return Error{ErrorCode::kUnavailable, "down"};
    if (version.group.empty()) return std::vector<ResourceKind>{{"", "v1", "pods", "pod", "Pod", true}};
    return std::vector<ResourceKind>{{version.group, version.version, "queues", "queue", "Queue", true}};
  }
  Result<std::vector<GroupVersion>> versions = std::vector<GroupVersion>{{"", "v1"}, {"queue.dev", "v1"}};
  std::string failing;
  int lists = 0;
  int reads = 0;
};

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
  FakeResources resources;
  Relister relister{rules(), prometheus, resources, clock, {}, catalog, metrics};

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
  const auto listed = f.resources.versions;
  f.resources.versions = Error{ErrorCode::kUnavailable, "down"};
  CHECK_FALSE(f.relister.relist());
  CHECK(f.catalog.get() == nullptr);
  CHECK(f.prometheus.calls.empty());
  f.resources.versions = listed;
  CHECK(f.relister.relist());
  CHECK(f.metrics_known() == "a1 again ");
  f.resources.versions = Error{ErrorCode::kUnavailable, "down"};
  CHECK_FALSE(f.relister.relist());
  CHECK(f.metrics_known() == "a1 again ");
}

TEST_CASE("a group that cannot be read for a moment takes no metric away, and is no success") {
  Fixture f;
  f.prometheus.answers.emplace("a", SeriesNames{{"a1", {"queue"}}});
  f.prometheus.answers.emplace("b", SeriesNames{});
  CHECK(f.relister.relist());
  CHECK(f.metrics_known() == "a1 again ");
  f.resources.failing = "queue.dev/v1";
  CHECK_FALSE(f.relister.relist());
  CHECK(f.metrics_known() == "a1 again ");
  CHECK(f.metrics.text().find("sluice_adapter_relist_failures_total 1") != std::string::npos);
  CHECK(f.metrics.text().find("sluice_adapter_resource_read_failures_total 1") != std::string::npos);
}

TEST_CASE("the catalog is there before Prometheus is asked for the first time") {
  Fixture f;
  bool early = false;
  f.prometheus.on_call = [&] { early = f.catalog.get() != nullptr; };
  CHECK_FALSE(f.relister.relist());
  CHECK(early);
}

TEST_CASE("only what failed is read again") {
  Fixture f;
  f.prometheus.answers.emplace("a", SeriesNames{{"a1", {"pod"}}});
  f.resources.failing = "queue.dev/v1";
  CHECK_FALSE(f.relister.relist());
  f.prometheus.answers.emplace("b", SeriesNames{{"b1", {"pod"}}});
  f.resources.failing.clear();
  CHECK(f.relister.relist(RelistScope::kFailed));
  CHECK(f.prometheus.calls == std::map<std::string, int>{{"a", 1}, {"b", 2}});
  CHECK(f.resources.lists == 1);
  CHECK(f.resources.reads == 3);
  CHECK(f.metrics_known() == "a1 again b1 ");
}

TEST_CASE("a search for a metric lists the series of all rules and reads no resources") {
  Fixture f;
  f.prometheus.answers.emplace("a", SeriesNames{{"a1", {"pod"}}});
  f.prometheus.answers.emplace("b", SeriesNames{});
  CHECK(f.relister.relist());
  CHECK(f.relister.relist(RelistScope::kSeries));
  CHECK(f.prometheus.calls == std::map<std::string, int>{{"a", 2}, {"b", 2}});
  CHECK(f.resources.reads == 2);
}

TEST_CASE("a relist that takes too long goes on with the rules it left out") {
  Fixture f;
  f.prometheus.answers.emplace("a", SeriesNames{{"a1", {"pod"}}});
  f.prometheus.answers.emplace("b", SeriesNames{{"b1", {"pod"}}});
  f.prometheus.clock = &f.clock;
  f.prometheus.takes = std::chrono::minutes(2);
  CHECK_FALSE(f.relister.relist());
  CHECK(f.metrics_known() == "a1 ");
  CHECK_FALSE(f.relister.relist(RelistScope::kFailed));
  CHECK(f.prometheus.calls["b"] == 1);
  CHECK(f.metrics_known() == "a1 b1 ");
  CHECK(f.relister.relist(RelistScope::kFailed));
  CHECK(f.metrics_known() == "a1 again b1 ");
}

TEST_CASE("the thread relists once at its start and ends when it is told to") {
  Fixture f;
  f.prometheus.answers.emplace("a", SeriesNames{{"a1", {"pod"}}});
  f.relister.start();
  while (f.catalog.get() == nullptr || f.catalog.get()->index().empty()) std::this_thread::yield();
  f.relister.hurry({{"", "pods"}, "new"});
  f.relister.stop();
  CHECK(f.metrics_known() == "a1 again ");
}

}  // namespace
}  // namespace sluice::adapter
