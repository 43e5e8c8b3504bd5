// An Io without sockets: a test says what arrives and when a send is taken, and looks at what was done. One socket at a
// time sends. Threads: one.
#pragma once

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/engine/io.h"

namespace sluice::gateway::testing {

class FakeIo final : public Io {
 public:
  // What the test decides.
  bool takes_all = true;             ///< A send completes whole with the next poll.
  std::size_t kernel_bytes = 0;      ///< What unacknowledged() answers.
  std::vector<Completion> arriving;  ///< What the next poll answers.

  // What was done.
  std::string sent;             ///< Bytes that sends took.
  std::vector<Duration> waits;  ///< How long each poll was allowed to wait.
  bool receiving = false;
  bool ended = false;   ///< FIN.
  bool closed = false;  ///< Whichever socket.

  /// `bytes` come in as one chunk with the next poll.
  void receive(Token token, std::string_view bytes) {
    chunk_ = bytes;
    arriving.push_back({.operation = Operation::kReceive,
                        .result = static_cast<std::int32_t>(chunk_.size()),
                        .token = token,
                        .data = {chunk_.data(), chunk_.size()}});
  }
  /// The stream ends with the next poll.
  void end(Token token) { arriving.push_back({.operation = Operation::kReceive, .result = 0, .token = token}); }
  /// The send under way takes `bytes` bytes (as many as it has, at most), or fails with a negative errno.
  void complete_send(std::int32_t bytes) {
    assert(sending());
    const std::int32_t taken = std::min(bytes, static_cast<std::int32_t>(pending_.size()));
    if (taken > 0) sent.append(pending_, 0, static_cast<std::size_t>(taken));
    arriving.push_back({.operation = Operation::kSend, .result = taken, .token = std::exchange(sender_, 0)});
  }
  [[nodiscard]] bool sending() const { return sender_ != 0; }

  Result<Socket> listen(const SocketAddress&, const ListenOptions&) override { return Socket{1}; }
  Result<SocketAddress> local_address(Socket) override { return SocketAddress{}; }
  void submit_accept(Socket, Token) override {}
  void submit_receive(Socket, Token) override { receiving = true; }
  void submit_send(Socket, Token token, std::span<const Slice> slices) override {
    pending_.clear();
    for (const Slice& slice : slices) pending_.append(slice.data, slice.size);
    sender_ = token;
    if (takes_all) complete_send(static_cast<std::int32_t>(pending_.size()));
  }
  void submit_close(Socket, Token token) override {
    if (sending()) complete_send(-ECANCELED);
    closed = true;
    arriving.push_back({.operation = Operation::kClose, .token = token});
  }
  void cancel(Socket, Operation) override { receiving = false; }
  void shutdown_send(Socket) override { ended = true; }
  std::size_t unacknowledged(Socket) override { return kernel_bytes; }
  std::span<const Completion> poll(Duration at_most) override {
    waits.push_back(at_most);
    answered_ = std::exchange(arriving, {});
    return answered_;
  }
  void wake() override {}

 private:
  std::string chunk_;
  std::string pending_;
  Token sender_ = 0;
  std::vector<Completion> answered_;
};

}  // namespace sluice::gateway::testing
