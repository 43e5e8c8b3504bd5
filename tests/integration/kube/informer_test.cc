#include "common/kube/informer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "tests/integration/kube/cluster.h"

namespace sluice::kube {
namespace {

using Texts = std::vector<std::string>;

/// "+a=1", "a=1>2", "-a": what a handler was told.
std::string text(const Object& before, const Object& after) {
  if (!before) return "+" + std::string(name_of(*after)) + "=" + text_at(*after, "/data/value");
  if (!after) return "-" + std::string(name_of(*before));
  return std::string(name_of(*after)) + "=" + text_at(*before, "/data/value") + ">" + text_at(*after, "/data/value");
}

/// An informer on the namespace's ConfigMaps that a test made, and what it told.
struct Watched {
  SystemClock clock;
  Random random{Random::entropy()};
  MetricsRegistry metrics;
  Client client{cluster_config(), "test", nullptr};
  Awaited<Texts> told;
  Informer informer;

  explicit Watched(const std::string& ns, Informer::Options options = {})
      : informer(client, clock, random, kConfigMaps, with_defaults(std::move(options), ns), &metrics) {
    informer.add_handler([this](const Object& before, const Object& after) {
      told.change([&](Texts& all) { all.push_back(text(before, after)); });
    });
    informer.start();
  }
  static Informer::Options with_defaults(Informer::Options options, const std::string& ns) {
    options.ns = ns;
    if (options.field_selector.empty()) options.field_selector = "metadata.name!=kube-root-ca.crt";
    return options;
  }
  bool wait_told(std::size_t count) {
    return told.wait([&](const Texts& all) { return all.size() >= count; });
  }
};

}  // namespace

TEST_CASE("an informer tells the state first and then each change in order") {
  TestNamespace ns;
  Client& client = ns.client();
  REQUIRE(client.create(kConfigMaps, ns.name(), config_map("a", "1")).ok());
  REQUIRE(client.create(kConfigMaps, ns.name(), config_map("b", "1")).ok());

  Watched watched(ns.name());
  REQUIRE(watched.informer.wait_synced(kPatience));
  CHECK(watched.told.get() == Texts{"+a=1", "+b=1"});
  CHECK(watched.informer.size() == 2);

  Json change = {{"data", {{"value", "2"}}}};
  REQUIRE(client.patch(kConfigMaps, ns.name(), "a", PatchType::kMerge, change).ok());
  REQUIRE(client.create(kConfigMaps, ns.name(), config_map("c", "1")).ok());
  REQUIRE(client.remove(kConfigMaps, ns.name(), "b").ok());
  REQUIRE(client.create(kConfigMaps, ns.name(), config_map("b", "9")).ok());
  REQUIRE(client.remove(kConfigMaps, ns.name(), "c").ok());
  REQUIRE(watched.wait_told(7));
  CHECK(watched.told.get() == Texts{"+a=1", "+b=1", "a=1>2", "+c=1", "-b", "+b=9", "-c"});

  const Object a = watched.informer.get(make_key(ns.name(), "a"));
  REQUIRE(a != nullptr);
  CHECK(text_at(*a, "/data/value") == "2");
  CHECK(at_pointer(*a, "/metadata/managedFields").is_null());
  CHECK(watched.informer.get(make_key(ns.name(), "c")) == nullptr);
  CHECK(watched.informer.list_namespace(ns.name()).size() == 2);
  CHECK(!watched.informer.resource_version().empty());
  CHECK(watched.metrics.text().find("reflector_lists_total{name=\"configmaps\"} 1") != std::string::npos);
}

TEST_CASE("an informer of an empty namespace is synced, too") {
  TestNamespace ns;
  Watched watched(ns.name());
  CHECK(watched.informer.wait_synced(kPatience));
  CHECK(watched.told.get().empty());
  REQUIRE(ns.client().create(kConfigMaps, ns.name(), config_map("a", "1")).ok());
  CHECK(watched.wait_told(1));
}

TEST_CASE("the cache holds a write by the time its version is reached") {
  TestNamespace ns;
  Watched watched(ns.name());
  REQUIRE(watched.informer.wait_synced(kPatience));
  for (int i = 0; i < 50; ++i) {
    const std::string name = "m" + std::to_string(i);
    const Result<Json> made = ns.client().create(kConfigMaps, ns.name(), config_map(name, "1"));
    REQUIRE(made.ok());
    const auto reached = [&] {
      const auto order = compare_resource_versions(watched.informer.resource_version(), resource_version_of(*made));
      return order.has_value() && *order >= 0;
    };
    REQUIRE(watched.told.wait([&](const Texts&) { return reached(); }));
    CHECK(watched.informer.get(make_key(ns.name(), name)) != nullptr);
  }
}

TEST_CASE("objects are filtered by labels and shrunk before they are kept") {
  TestNamespace ns;
  Json labelled = config_map("a", "1");
  labelled["metadata"]["labels"]["app"] = "x";
  REQUIRE(ns.client().create(kConfigMaps, ns.name(), labelled).ok());
  REQUIRE(ns.client().create(kConfigMaps, ns.name(), config_map("b", "1")).ok());
  Watched watched(ns.name(), {.label_selector = "app=x", .transform = [](Json& object) { object.erase("data"); }});
  REQUIRE(watched.informer.wait_synced(kPatience));
  REQUIRE(watched.informer.size() == 1);
  CHECK(!watched.informer.list()[0]->contains("data"));
  // An object that loses its label is gone for this informer.
  const Json change = {{"metadata", {{"labels", {{"app", nullptr}}}}}};
  REQUIRE(ns.client().patch(kConfigMaps, ns.name(), "a", PatchType::kMerge, change).ok());
  CHECK(watched.told.wait([](const Texts& all) { return !all.empty() && all.back() == "-a"; }));
}

TEST_CASE("a handler that is slow delays nobody else and loses nothing") {
  TestNamespace ns;
  SystemClock clock;
  Random random(1);
  Client client(cluster_config(), "test", nullptr);
  Informer informer(client, clock, random, kConfigMaps,
                    {.ns = ns.name(), .field_selector = "metadata.name!=kube-root-ca.crt"}, nullptr);
  Awaited<bool> go_on;
  Awaited<int> added;
  informer.add_handler([&](const Object&, const Object&) {
    go_on.wait([](bool may) { return may; });
    added.change([](int& n) { ++n; });
  });
  informer.start();
  REQUIRE(informer.wait_synced(kPatience));
  for (int i = 0; i < 100; ++i) {
    REQUIRE(client.create(kConfigMaps, ns.name(), config_map("m" + std::to_string(i), "x")).ok());
  }
  go_on.change([](bool& may) { may = true; });
  CHECK(added.wait([](int n) { return n == 100; }));
}

TEST_CASE("informers start and stop at any time") {
  TestNamespace ns;
  REQUIRE(ns.client().create(kConfigMaps, ns.name(), config_map("a", "1")).ok());
  for (int i = 0; i < 20; ++i) {
    Watched watched(ns.name());
    if (i % 2 == 0) CHECK(watched.informer.wait_synced(kPatience));
    watched.informer.stop();
    const auto told = watched.told.get().size();
    CHECK(told <= 1);
  }
}

}  // namespace sluice::kube
