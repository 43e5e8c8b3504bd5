// All connections of the process behind one epoll descriptor.
#pragma once

#include <sys/epoll.h>

#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "bench/loadgen/connection.h"
#include "bench/loadgen/options.h"

namespace sluice::loadgen {

/// What a connection asks for in its handshake.
struct Target {
  std::string path;          ///< With its query.
  std::string sub_protocol;  ///< Empty: none.
  bool returning = false;    ///< The client has been here before: it goes where --then-url says.
};

/// Level-triggered epoll; a connection that is done is destroyed at the end of poll(). Threads: one.
class Network {
 public:
  /// Errors: kUnavailable (no epoll descriptor).
  static Result<std::unique_ptr<Network>> create(const Options& options, ConnectionListener& listener, Tally& tally,
                                                 Random& random);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Also answers the readiness of `fd`, with `handler` called in poll(). For stdin and signals; `fd` stays the
  /// caller's.
  Status watch(int fd, std::function<void()> handler);
  void unwatch(int fd);

  /// Starts a connection. 0 or an errno, after which nothing is called back.
  int connect(Endpoint endpoint, const Target& target, SteadyTime now);
  /// The endpoint's live connection; nullptr where it has none.
  Connection* find(Endpoint endpoint);
  /// Reads what has come on it, so that a client knows all it can know before it speaks.
  void read_pending(Endpoint endpoint, SteadyTime now);
  void drop(Endpoint endpoint);

  /// Handles what is ready, waiting for it up to `at_most`; then what has timed out.
  void poll(Duration at_most);
  /// Pings the next `count` open connections, in turn.
  void ping_next(std::size_t count);
  [[nodiscard]] std::size_t size() const { return connections_.size(); }

 private:
  Network(const Options& options, int epoll, ConnectionListener& listener, Tally& tally, Random& random);

  // A connection that is destroyed when its state has not changed by then.
  struct Deadline {
    SteadyTime when;
    std::uint64_t token;
  };
  static std::uint64_t key(Endpoint endpoint) { return std::uint64_t{endpoint.client} << 1 | index_of(endpoint.slot); }
  void handle(const epoll_event& event, SteadyTime now);
  void settle(std::uint64_t token, Connection& connection, SteadyTime now);
  void expire(SteadyTime now);

  const Options& options_;
  Tally& tally_;
  Connection::Shared shared_;
  std::uint64_t next_token_ = 1;
  std::size_t next_source_ = 0;
  std::size_t next_server_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;  // By token.
  std::unordered_map<std::uint64_t, std::uint64_t> tokens_;                     // Of live connections, by key().
  std::unordered_map<std::uint64_t, std::function<void()>> watched_;            // By token.
  std::unordered_map<int, std::uint64_t> watched_tokens_;                       // By descriptor.
  std::vector<std::uint64_t> finished_;                                         // Destroyed at the end of poll().
  std::deque<Deadline> opening_, lingering_;                                    // Each in order of time.
  std::vector<std::uint64_t> ping_order_;
  std::vector<epoll_event> events_;
};

}  // namespace sluice::loadgen
