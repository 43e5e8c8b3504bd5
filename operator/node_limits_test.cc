#include "operator/node_limits.h"

#include <doctest/doctest.h>

#include "operator/plan_test_fleet.h"

namespace sluice::op {

using namespace testing;

namespace {

constexpr GatewayLimits kEnough{.descriptors = 1'048'576,
                                .backlog = 4096,
                                .conntrack = 1'000'000,
                                .memory_bytes = 4LL << 30,
                                .bytes_per_connection = 20'000};

PodView reporting(const char* name, GatewayLimits limits, const char* node = "n1") {
  PodView pod = serving(name, 9);
  pod.state->limits = limits;
  pod.node = node;
  return pod;
}

GatewayLimits with(GatewayLimits limits, std::int64_t GatewayLimits::*field, std::int64_t value) {
  limits.*field = value;
  return limits;
}

}  // namespace

TEST_CASE("node_shortage says what is too little, for whom, and where to change it") {
  const auto few_descriptors = with(kEnough, &GatewayLimits::descriptors, 65'536);
  const auto little_memory = with(kEnough, &GatewayLimits::memory_bytes, 1 << 30);
  const auto few_tracked = with(kEnough, &GatewayLimits::conntrack, 150'000);
  const auto short_backlog = with(kEnough, &GatewayLimits::backlog, 128);
  struct Row {
    const char* name;
    std::vector<PodView> pods;
    const char* reason;
    const char* part;  // Of the sentence.
  };
  const Row rows[] = {
      {"enough of everything", {reporting("a", kEnough), reporting("b", kEnough)}, "", ""},
      {"what is not reported is not judged", {reporting("a", {})}, "", ""},
      {"a gateway that has not answered yet", {serving("a") | unheard}, "", ""},
      {"descriptors",
       {reporting("a", kEnough), reporting("b", few_descriptors)},
       "Descriptors",
       "b may open 65536 descriptors and needs 100512 for 100000 connections (capacity.connectionsPerPod): raise "},
      {"exactly enough descriptors", {reporting("a", with(kEnough, &GatewayLimits::descriptors, 100'512))}, "", ""},
      {"one descriptor less",
       {reporting("a", with(kEnough, &GatewayLimits::descriptors, 100'511))},
       "Descriptors",
       "a may"},
      {"memory",
       {reporting("a", little_memory)},
       "Memory",
       "a may use 1024Mi of memory and needs 1908Mi for 100000 connections (capacity.connectionsPerPod) of 20Ki each"},
      {"memory is not judged before a gateway has measured", {reporting("a", {.memory_bytes = 1 << 20})}, "", ""},
      {"connections that a node tracks: enough for one",
       {reporting("a", few_tracked, "n1"), reporting("b", few_tracked, "n2")},
       "",
       ""},
      {"but not for two on one node",
       {reporting("a", few_tracked), reporting("b", few_tracked)},
       "Conntrack",
       "the node of a tracks 150000 connections and its pods of this gateway need 200000"},
      {"the backlog",
       {reporting("a", short_backlog)},
       "Backlog",
       "a queues 128 connections at most while it accepts others, and should 1024"},
      {"descriptors hurt before the backlog",
       {reporting("a", short_backlog), reporting("b", few_descriptors)},
       "Descriptors",
       "b may"},
      {"the worst of several, and how many there are",
       {reporting("a", few_descriptors), reporting("b", with(kEnough, &GatewayLimits::descriptors, 1024))},
       "Descriptors",
       "b may open 1024 descriptors and needs 100512 for 100000 connections (capacity.connectionsPerPod) (and 1 more "
       "pods)"},
      {"a pod that goes is not judged", {reporting("a", few_descriptors) | draining(1s)}, "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto shortage = node_shortage(spec_of(2), fleet(row.pods));
    CHECK((shortage ? shortage->reason : "") == std::string(row.reason));
    if (!shortage) continue;
    CHECK_MESSAGE(shortage->sentence.find(row.part) != std::string::npos, shortage->sentence);
  }
}

TEST_CASE("a small pod needs no large backlog") {
  GatewaySpec spec = spec_of(1);
  spec.capacity.connections_per_pod = 100;
  CHECK_FALSE(node_shortage(spec, fleet({reporting("a", with(kEnough, &GatewayLimits::backlog, 128))})));
  spec.capacity.connections_per_pod = 100'000;
  spec.budget.per_receiver = 8000;
  CHECK(node_shortage(spec, fleet({reporting("a", kEnough)}))->reason == std::string("Backlog"));
}

}  // namespace sluice::op
