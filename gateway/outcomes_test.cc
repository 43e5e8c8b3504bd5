#include "gateway/outcomes.h"

#include <doctest/doctest.h>

namespace sluice::gateway {
namespace {

TEST_CASE("a handshake has failed where the client asked properly and we did not let it in") {
  struct Row {
    const char* name;
    HandshakeResult result;
    HandshakeFacts facts;
    bool failed;
  };
  const Row rows[] = {
      {"upgraded", HandshakeResult::kOk, {.spoke = true, .waited = true}, false},
      {"a request that is none", HandshakeResult::kBadRequest, {.spoke = true, .waited = true}, false},
      {"a path that nothing is served at", HandshakeResult::kNotFound, {.spoke = true}, false},
      {"no room", HandshakeResult::kRefused, {.spoke = true}, true},
      {"cut as it was accepted", HandshakeResult::kRefused, {}, true},
      {"a drain's 503", HandshakeResult::kRefused, {.draining = true, .spoke = true}, false},
      {"half a request, then nothing", HandshakeResult::kTimeout, {.spoke = true}, true},
      {"a socket that never spoke", HandshakeResult::kTimeout, {}, false},
      {"a balancer's health check", HandshakeResult::kDisconnected, {}, false},
      {"a client that changed its mind", HandshakeResult::kDisconnected, {.spoke = true}, false},
      {"a client that we kept waiting", HandshakeResult::kDisconnected, {.waited = true}, true},
      {"a certificate that the client does not take", HandshakeResult::kTlsFailed, {.spoke = true}, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(handshake_failed(row.result, row.facts) == row.failed);
  }
}

TEST_CASE("a close is clean where both sides agreed and nobody complained") {
  for (const std::uint16_t code : {1000, 1001, 1005, 3000, 4001, 4999}) CHECK(client_leaves_content(code));
  for (const std::uint16_t code : {1002, 1003, 1007, 1008, 1009, 1010, 1011, 2999, 5000}) {
    CHECK(!client_leaves_content(code));
  }
  for (std::size_t i = 0; i < kCloseCauseNames.size(); ++i) {
    const auto cause = static_cast<CloseCause>(i);
    const bool may_be_clean = cause == CloseCause::kClient || cause == CloseCause::kDrain ||
                              cause == CloseCause::kShed || cause == CloseCause::kProtocol;
    CAPTURE(kCloseCauseNames[i]);
    CHECK(close_is_clean(cause, true) == may_be_clean);
    CHECK(!close_is_clean(cause, false));
  }
}

TEST_CASE("totals are sums over shards, and every close is in one of two") {
  ShardStats one;
  ShardStats other;
  one.handshakes[static_cast<std::size_t>(HandshakeResult::kOk)].add(5);
  one.handshakes[static_cast<std::size_t>(HandshakeResult::kNotFound)].add(7);
  one.handshakes_failed.add(2);
  other.handshakes_failed.add(1);
  one.closed[static_cast<std::size_t>(CloseCause::kDrain)].add(4);
  one.closed_clean.add(3);
  other.closed[static_cast<std::size_t>(CloseCause::kReset)].add(2);
  Totals totals;
  totals.add(one);
  totals.add(other);
  CHECK(totals.handshakes_ok == 5);
  CHECK(totals.handshakes_failed == 3);
  CHECK(totals.closes_clean == 3);
  CHECK(totals.closes_abnormal == 3);
  CHECK(totals.resumes_ok == 0);
  CHECK(totals.resumes_failed == 0);
}

}  // namespace
}  // namespace sluice::gateway
