// The epoll backend over real loopback sockets: what gateway/engine/io.h promises, so that another backend can be held
// to the same tests.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "gateway/engine/io.h"
#include "gateway/testing/socket.h"

namespace sluice::gateway {
namespace {

using testing::ClientSocket;

constexpr Token kListener = 1;
constexpr Token kPeer = 77;

struct Server {
  std::unique_ptr<Io> io = *make_epoll_io();
  Socket listener = kNoSocket;
  std::uint16_t port = 0;
  std::vector<Completion> seen;
  std::string received;

  Server() {
    listener = *io->listen(*SocketAddress::parse("127.0.0.1", 0), {});
    port = io->local_address(listener)->port;
    io->submit_accept(listener, kListener);
  }
  /// Polls until `enough` holds; false where that takes too long.
  bool poll_until(const std::function<bool()>& enough) {
    for (int i = 0; i < 1000 && !enough(); ++i) {
      for (Completion completion : io->poll(10ms)) {
        received.append(completion.data.data(), completion.data.size());
        completion.data = {};
        seen.push_back(completion);
      }
    }
    return enough();
  }
  const Completion* find(Operation operation) const {
    const auto found = std::find_if(seen.rbegin(), seen.rend(),
                                    [operation](const Completion& one) { return one.operation == operation; });
    return found == seen.rend() ? nullptr : &*found;
  }
  Socket accept_one() {
    REQUIRE(poll_until([this] { return find(Operation::kAccept) != nullptr; }));
    const Completion accepted = *find(Operation::kAccept);
    CHECK(accepted.token == kListener);
    CHECK(accepted.result == 0);
    CHECK(accepted.peer.text().substr(0, 10) == "127.0.0.1:");
    return accepted.accepted;
  }
};

TEST_CASE("an accept completes for each connection, with the peer's address") {
  Server server;
  ClientSocket first(server.port);
  ClientSocket second(server.port);
  CHECK(server.poll_until([&] { return server.seen.size() == 2; }));
  CHECK(server.seen[0].accepted != server.seen[1].accepted);
  CHECK(server.seen[0].peer.port == first.local_port());
}

TEST_CASE("a receive goes on until the peer ends its side, then answers 0") {
  Server server;
  ClientSocket client(server.port);
  const Socket peer = server.accept_one();
  server.io->submit_receive(peer, kPeer);
  client.send("hello ");
  CHECK(server.poll_until([&] { return server.received == "hello "; }));
  client.send("world");
  client.end();  // Data and end may arrive together: neither may be lost.
  CHECK(server.poll_until([&] { return server.find(Operation::kReceive)->result == 0; }));
  CHECK(server.received == "hello world");
  CHECK(server.find(Operation::kReceive)->token == kPeer);
}

TEST_CASE("a cancelled receive delivers nothing until it is submitted again") {
  Server server;
  ClientSocket client(server.port);
  const Socket peer = server.accept_one();
  server.io->submit_receive(peer, kPeer);
  server.io->cancel(peer, Operation::kReceive);
  client.send("early");
  for (int i = 0; i < 5; ++i) CHECK(server.io->poll(5ms).empty());
  server.io->submit_receive(peer, kPeer);
  CHECK(server.poll_until([&] { return server.received == "early"; }));
}

TEST_CASE("a poll answers at most one chunk a socket, and everyone gets a turn") {
  Server server;
  constexpr std::size_t kClients = 40;
  constexpr std::size_t kBytes = 3 * kChunkBytesMax;
  std::vector<std::unique_ptr<ClientSocket>> clients;
  for (std::size_t i = 0; i < kClients; ++i) clients.push_back(std::make_unique<ClientSocket>(server.port));
  REQUIRE(server.poll_until([&] { return server.seen.size() == kClients; }));
  for (std::size_t i = 0; i < kClients; ++i) {
    server.io->submit_receive(server.seen[i].accepted, 1000 + i);
    clients[i]->send(std::string(kBytes, 'x'));
  }
  std::vector<std::size_t> bytes(kClients);
  for (int polls = 0; polls < 1000; ++polls) {
    std::vector<int> turns(kClients);
    std::size_t total = 0;
    for (const Completion& completion : server.io->poll(10ms)) {
      REQUIRE(completion.operation == Operation::kReceive);
      CHECK(++turns[completion.token - 1000] == 1);
      CHECK(completion.data.size() <= kChunkBytesMax);
      bytes[completion.token - 1000] += completion.data.size();
      total += completion.data.size();
    }
    CHECK(total <= kChunksBytesMax);
    if (std::all_of(bytes.begin(), bytes.end(), [](std::size_t count) { return count == kBytes; })) break;
  }
  for (const std::size_t count : bytes) CHECK(count == kBytes);
}

TEST_CASE("a send that finds no room completes when the peer reads") {
  Server server;
  ClientSocket client(server.port);
  const Socket peer = server.accept_one();
  const std::string block(1 << 20, 'y');
  const Slice slice{block.data(), block.size()};
  std::size_t taken = 0;
  // Fill the kernel's buffers until a send stays under way.
  bool pending = false;
  while (!pending) {
    server.seen.clear();
    server.io->submit_send(peer, kPeer, {&slice, 1});
    const auto completions = server.io->poll(0ms);
    pending = completions.empty();
    for (const Completion& completion : completions) taken += static_cast<std::size_t>(completion.result);
  }
  std::size_t read = 0;
  CHECK(server.poll_until([&] {
    read += client.read_some().size();
    return server.find(Operation::kSend) != nullptr;
  }));
  CHECK(server.find(Operation::kSend)->result > 0);
  CHECK(server.find(Operation::kSend)->token == kPeer);
  taken += static_cast<std::size_t>(server.find(Operation::kSend)->result);
  while (read < taken) read += client.read_some().size();
  CHECK(read == taken);
}

TEST_CASE("what the peer has not read yet is unacknowledged, and becomes less as it reads") {
  Server server;
  ClientSocket client(server.port, 4096);
  const Socket peer = server.accept_one();
  CHECK(server.io->unacknowledged(peer) == 0);
  const std::string block(1 << 20, 'u');
  const Slice slice{block.data(), block.size()};
  do {
    server.io->submit_send(peer, kPeer, {&slice, 1});
  } while (!server.io->poll(0ms).empty());
  const std::size_t full = server.io->unacknowledged(peer);
  CHECK(full > 0);
  CHECK(testing::eventually([&] {
    client.read_some();
    return server.io->unacknowledged(peer) < full;
  }));
}

TEST_CASE("closing completes a send under way first, then itself") {
  Server server;
  ClientSocket client(server.port);
  const Socket peer = server.accept_one();
  const std::string block(1 << 20, 'z');
  const Slice slice{block.data(), block.size()};
  do {
    server.io->submit_send(peer, kPeer, {&slice, 1});
  } while (!server.io->poll(0ms).empty());
  server.seen.clear();
  server.io->submit_close(peer, kPeer);
  CHECK(server.poll_until([&] { return server.seen.size() == 2; }));
  CHECK(server.seen[0].operation == Operation::kSend);
  CHECK(server.seen[0].result == -ECANCELED);
  CHECK(server.seen[1].operation == Operation::kClose);
  CHECK(server.seen[1].token == kPeer);
}

TEST_CASE("a reset connection fails its receive") {
  Server server;
  ClientSocket client(server.port);
  const Socket peer = server.accept_one();
  server.io->submit_receive(peer, kPeer);
  client.reset();
  CHECK(server.poll_until([&] { return server.find(Operation::kReceive) != nullptr; }));
  CHECK(server.find(Operation::kReceive)->result < 0);
}

TEST_CASE("ending our side leaves the other one open") {
  Server server;
  ClientSocket client(server.port);
  const Socket peer = server.accept_one();
  server.io->submit_receive(peer, kPeer);
  server.io->shutdown_send(peer);
  CHECK(client.read_to_end().empty());
  client.send("still here");
  CHECK(server.poll_until([&] { return server.received == "still here"; }));
}

TEST_CASE("wake ends a poll that waits") {
  Server server;
  server.io->wake();
  server.io->wake();
  CHECK(server.io->poll(1h).empty());
  server.io->wake();
  CHECK(server.io->poll(1h).empty());
}

TEST_CASE("a port that is taken is an error that names it") {
  Server server;
  const auto again = server.io->listen(*SocketAddress::parse("127.0.0.1", server.port), {});
  REQUIRE(!again);
  CHECK(again.error().message.find("127.0.0.1:" + std::to_string(server.port)) != std::string::npos);
}

}  // namespace
}  // namespace sluice::gateway
