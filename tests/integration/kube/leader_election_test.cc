#include "common/kube/leader_election.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/integration/kube/cluster.h"
#include "tests/integration/kube/silent_proxy.h"

namespace sluice::kube {
namespace {

/// A candidate as a process would run it.
struct Candidate {
  SystemClock clock;
  Random random{Random::entropy()};
  MetricsRegistry metrics;
  Client client;
  Awaited<std::string> told;
  LeaderElector elector;

  Candidate(const std::string& ns, const std::string& identity, const Config& config = cluster_config())
      : client(config, "test", nullptr),
        elector(client, clock, random, {.ns = ns, .name = "lock", .identity = identity}, &metrics) {
    elector.start([this] { told.change([](std::string& t) { t += "started;"; }); },
                  [this] { told.change([](std::string& t) { t += "lost;"; }); });
  }
  bool wait_told(const std::string& text) {
    return told.wait([&](const std::string& t) { return t == text; });
  }
  bool metric(const char* value) const {
    return metrics.text().find(std::string("leader_election_master_status{name=\"lock\"} ") + value) !=
           std::string::npos;
  }
};

Json lease(TestNamespace& ns) {
  Result<Json> read = ns.client().get(kLeases, ns.name(), "lock");
  return read ? *read : Json();
}

}  // namespace

TEST_CASE("one of two candidates leads, and a released Lease goes to the other") {
  TestNamespace ns;
  Candidate one(ns.name(), "one");
  REQUIRE(one.wait_told("started;"));
  Candidate two(ns.name(), "two");
  CHECK(one.elector.leading());
  CHECK(one.metric("1"));
  CHECK(text_at(lease(ns), "/spec/holderIdentity") == "one");
  CHECK(integer_at(lease(ns), "/spec/leaseDurationSeconds", 0) == 15);

  one.elector.stop_and_release();
  CHECK(!one.elector.leading());
  CHECK(one.told.get() == "started;");  // whoever stops by himself has not lost
  REQUIRE(two.wait_told("started;"));
  CHECK(two.elector.leading());
  CHECK(!one.metric("1"));
  CHECK(text_at(lease(ns), "/spec/holderIdentity") == "two");
  CHECK(integer_at(lease(ns), "/spec/leaseTransitions", 0) >= 1);
}

TEST_CASE("a leader whose Lease was taken by another loses and does not come back") {
  TestNamespace ns;
  Candidate one(ns.name(), "one");
  REQUIRE(one.wait_told("started;"));
  const Json theft = Json::parse(R"({"spec":{"holderIdentity":"thief","leaseDurationSeconds":3600}})");
  REQUIRE(ns.client().patch(kLeases, ns.name(), "lock", PatchType::kMerge, theft).ok());
  REQUIRE(one.wait_told("started;lost;"));
  CHECK(!one.elector.leading());
  CHECK(one.elector.holder() == "thief");
  one.elector.stop_and_release();
  CHECK(text_at(lease(ns), "/spec/holderIdentity") == "thief");
}

TEST_CASE("a leader whose connection goes silent renews in time over another one") {
  TestNamespace ns;
  SilentProxy proxy(cluster_config());
  Candidate one(ns.name(), "one", proxy.config());
  REQUIRE(one.wait_told("started;"));
  Awaited<std::set<std::string>> renewals;
  Client::WatchCallbacks callbacks;
  callbacks.on_event = [&](const WatchEvent& event) {
    renewals.change([&](std::set<std::string>& all) { all.insert(text_at(event.object, "/spec/renewTime")); });
  };
  const auto watch = ns.client().watch(kLeases, ns.name(), {}, std::move(callbacks));
  REQUIRE(renewals.wait([](const auto& all) { return all.size() >= 2; }));
  proxy.go_silent();
  const std::size_t before = renewals.get().size();
  // One may have been on its way; its answer was swallowed.
  CHECK(renewals.wait([&](const auto& all) { return all.size() >= before + 3; }));
  CHECK(one.told.get() == "started;");
  CHECK(one.elector.leading());
  CHECK(proxy.accepted() == 2);
}

TEST_CASE("a Lease that somebody deletes is made again by its leader") {
  TestNamespace ns;
  Candidate one(ns.name(), "one");
  REQUIRE(one.wait_told("started;"));
  const std::string before(uid_of(lease(ns)));
  REQUIRE(ns.client().remove(kLeases, ns.name(), "lock").ok());
  // Followed by a watch, since the leader writes only every two seconds.
  Awaited<std::string> uid;
  Client::WatchCallbacks callbacks;
  callbacks.on_event = [&](const WatchEvent& event) {
    if (event.type == WatchEvent::Type::kAdded) uid.change([&](std::string& u) { u = uid_of(event.object); });
  };
  const auto watch = ns.client().watch(kLeases, ns.name(), {}, std::move(callbacks));
  CHECK(uid.wait([&](const std::string& u) { return !u.empty() && u != before; }));
  CHECK(one.told.get() == "started;");
}

}  // namespace sluice::kube
