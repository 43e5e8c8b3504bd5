#include "gateway/protocols/topics/subscriptions.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "common/base/random.h"

namespace sluice::gateway {
namespace {

std::multiset<ConnectionId> members(const Subscriptions& subscriptions, std::string_view topic) {
  std::multiset<ConnectionId> ids;
  subscriptions.each(topic, [&ids](ConnectionId id) { ids.insert(id); });
  return ids;
}

TEST_CASE("a connection hears a topic once, until it leaves") {
  Subscriptions subscriptions;
  std::uint64_t one = 0;
  std::uint64_t two = 0;
  CHECK(subscriptions.add(1, one, "a"));
  CHECK(!subscriptions.add(1, one, "a"));
  CHECK(subscriptions.add(1, one, "b"));
  CHECK(subscriptions.add(2, two, "a"));
  CHECK(members(subscriptions, "a") == std::multiset<ConnectionId>{1, 2});
  CHECK(subscriptions.count(one) == 2);
  CHECK(subscriptions.remove(one, "a"));
  CHECK(!subscriptions.remove(one, "a"));
  CHECK(members(subscriptions, "a") == std::multiset<ConnectionId>{2});
  subscriptions.remove_all(one);
  subscriptions.remove_all(two);
  CHECK(one == 0);
  CHECK(subscriptions.topics() == 0);
}

TEST_CASE("subscriptions agree with a plain model, whoever comes and goes") {
  Random random(9);
  Subscriptions subscriptions;
  std::map<std::string, std::set<ConnectionId>> model;
  std::map<ConnectionId, std::uint64_t> heads;
  for (int step = 0; step < 20'000; ++step) {
    const ConnectionId id = 1 + random.below(20);
    const std::string topic = "t" + std::to_string(random.below(10));
    switch (random.below(5)) {
      case 0:
        subscriptions.remove_all(heads[id]);
        for (auto& [name, ids] : model) ids.erase(id);
        break;
      case 1:
        CHECK(subscriptions.remove(heads[id], topic) == (model[topic].erase(id) == 1));
        break;
      default:
        CHECK(subscriptions.add(id, heads[id], topic) == model[topic].insert(id).second);
    }
    const auto& expected = model[topic];
    CHECK(members(subscriptions, topic) == std::multiset<ConnectionId>(expected.begin(), expected.end()));
  }
}

}  // namespace
}  // namespace sluice::gateway
