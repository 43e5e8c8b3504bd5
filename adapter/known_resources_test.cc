#include "adapter/known_resources.h"

#include <doctest/doctest.h>

#include <map>

namespace sluice::adapter {
namespace {

const Error kDown{ErrorCode::kUnavailable, "down"};

// An API server with one resource in each of its groups.
class FakeApi final : public ResourceApi {
 public:
  Result<std::vector<GroupVersion>> group_versions() override {
    if (list_fails) return kDown;
    return versions;
  }
  Result<std::vector<ResourceKind>> resources(const GroupVersion& version) override {
    ++asked[version.text()];
    if (clock != nullptr) clock->advance(takes);
    if (failing == version.text()) return kDown;
    const std::string name = version.group.empty() ? "pod" : version.group.substr(0, version.group.find('.'));
    return std::vector<ResourceKind>{{version.group, version.version, name + "s", name, name, true}};
  }
  std::vector<GroupVersion> versions = {{"", "v1"}, {"queue.dev", "v2"}, {"queue.dev", "v1"}, {"gateway.dev", "v1"}};
  std::map<std::string, int> asked;
  std::string failing;
  bool list_fails = false;
  ManualClock* clock = nullptr;
  Duration takes{0};
};

struct Fixture {
  FakeApi api;
  ManualClock clock;
  MetricsRegistry metrics;
  KnownResources resources{api, clock, metrics};

  bool has(const char* text) const { return resources.map().find(GroupResource::parse(text)) != nullptr; }
  std::string failures() const {
    const std::string text = metrics.text();
    const std::size_t at = text.find("\nsluice_adapter_resource_read_failures_total ");
    return text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  }
};

TEST_CASE("each group version is read, its first version counts, and our own are not asked for") {
  Fixture f;
  f.api.versions.push_back({"custom.metrics.k8s.io", "v1beta2"});
  f.api.versions.push_back({"external.metrics.k8s.io", "v1beta1"});
  CHECK_FALSE(f.resources.usable());
  f.resources.read_all();
  CHECK(f.resources.usable());
  CHECK(f.resources.good());
  CHECK(f.api.asked.size() == 4);
  CHECK(f.resources.map().find({"queue.dev", "queues"})->version == "v2");
  CHECK(f.has("pods"));
}

TEST_CASE("a group that cannot be read for a moment keeps its resources while the API server lists it") {
  Fixture f;
  f.resources.read_all();
  f.api.failing = "gateway.dev/v1";
  f.resources.read_all();
  CHECK_FALSE(f.resources.good());
  CHECK(f.has("gateways.gateway.dev"));
  CHECK_FALSE(f.resources.map().is_unread("gateway.dev"));
  CHECK(f.failures() == "sluice_adapter_resource_read_failures_total 1");

  // Tried again: it alone.
  f.api.asked.clear();
  f.api.failing.clear();
  f.resources.read_failed();
  CHECK(f.api.asked == std::map<std::string, int>{{"gateway.dev/v1", 1}});
  CHECK(f.resources.good());

  f.api.versions.pop_back();
  f.resources.read_all();
  CHECK_FALSE(f.has("gateways.gateway.dev"));
  CHECK(f.resources.good());
}

TEST_CASE("a group that was never read is known to be missing") {
  Fixture f;
  f.api.failing = "gateway.dev/v1";
  f.resources.read_all();
  CHECK(f.resources.usable());
  CHECK(f.resources.map().is_unread("gateway.dev"));
  CHECK_FALSE(f.resources.map().is_unread("queue.dev"));
}

TEST_CASE("without the list of groups all stays as it was, and without the core group nothing is usable") {
  Fixture f;
  f.api.failing = "v1";
  f.resources.read_all();
  CHECK_FALSE(f.resources.usable());
  f.api.failing.clear();
  f.resources.read_failed();
  CHECK(f.resources.usable());

  f.api.list_fails = true;
  f.resources.read_all();
  CHECK_FALSE(f.resources.good());
  CHECK(f.has("queues.queue.dev"));
  f.api.list_fails = false;
  f.api.asked.clear();
  f.resources.read_failed();
  CHECK(f.resources.good());
  CHECK(f.api.asked.size() == 4);
}

TEST_CASE("a reading that takes too long leaves the rest for the next one") {
  Fixture f;
  f.api.clock = &f.clock;
  f.api.takes = KnownResources::kBudget + Duration(1);
  f.resources.read_all();
  CHECK(f.api.asked.size() == 1);
  CHECK(f.resources.usable());
  CHECK(f.resources.map().is_unread("queue.dev"));
  f.api.takes = Duration(0);
  f.resources.read_failed();
  CHECK(f.resources.good());
  CHECK(f.api.asked["v1"] == 1);
}

}  // namespace
}  // namespace sluice::adapter
