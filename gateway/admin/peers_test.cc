#include "gateway/admin/peers.h"

#include <doctest/doctest.h>

namespace sluice::gateway {
namespace {

PeerStatus peer(int number, const char* status) {
  return {.pod = "edge-" + std::to_string(number), .uid = "uid-" + std::to_string(number), .status = status};
}

TEST_CASE("the newest word on a peer counts, and the one before is answered") {
  PeerTable table;
  CHECK(table.update(peer(1, "active")).empty());
  CHECK(table.update(peer(2, "offline")).empty());
  CHECK(table.update(peer(1, "offline")) == "active");
  CHECK(table.update(peer(1, "offline")) == "offline");
  CHECK(table.update(peer(2, "gray")) == "offline");
  CHECK(table.update(peer(3, "PendingRejoin")).empty());
  CHECK(table.update(peer(4, "other")).empty());
  CHECK(table.size() == 4);
  CHECK(table.by_status() == std::array<std::size_t, 5>{0, 1, 1, 0, 2});
}

TEST_CASE("every state that a pod's label may have is counted by name") {
  PeerTable table;
  int number = 0;
  for (const char* state : kPodStates) table.update(peer(++number, state));
  CHECK(table.by_status() == std::array<std::size_t, 5>{1, 1, 1, 1, 0});
}

TEST_CASE("a full table forgets the peer that was not heard of for the longest time") {
  PeerTable table;
  constexpr int kMost = static_cast<int>(PeerTable::kPeersMax);
  for (int i = 0; i < kMost; ++i) table.update(peer(i, "active"));
  CHECK(table.update(peer(0, "gray")) == "active");  // Heard of again: number 1 is the oldest now.
  CHECK(table.update(peer(kMost, "offline")).empty());
  CHECK(table.size() == PeerTable::kPeersMax);
  CHECK(table.update(peer(0, "gray")) == "gray");
  CHECK(table.update(peer(1, "active")).empty());  // Was forgotten, and number 2 is now.
  CHECK(table.update(peer(3, "active")) == "active");
  CHECK(table.update(peer(2, "active")).empty());
  CHECK(table.size() == PeerTable::kPeersMax);
}

}  // namespace
}  // namespace sluice::gateway
