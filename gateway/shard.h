// A shard: one thread, one event loop, its own listeners and connections. Nothing is shared with other shards but
// counters that they read and the token buckets of drain and admission; others post().
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "gateway/admission/door.h"
#include "gateway/config.h"
#include "gateway/connection.h"
#include "gateway/drain/controller.h"
#include "gateway/engine/event_loop.h"
#include "gateway/engine/slab.h"
#include "gateway/protocols/protocol.h"
#include "gateway/shard_context.h"
#include "gateway/tasks/task_pool.h"
#include "gateway/tls/transport.h"

namespace sluice::gateway {

/// What all shards of a process share. Outlives them.
struct ShardShared {
  const Config& config;
  const Clock& clock;
  DrainController& drain;
  AdmissionDoor& admission;
  Random& random;
  TaskPool& tasks;
  TransportFactory* tls = nullptr;         ///< Null where TLS is off.
  std::atomic<std::int64_t> sockets = 0;   ///< Clients' sockets, upgraded or not, those that wait for admission, too.
  std::atomic<std::int64_t> rejected = 0;  ///< Of them, those that admission has refused and that are told so.
};

class Shard final : public LoopHandler {
 public:
  /// `all`: every shard of the process by index; complete before the first start().
  Shard(std::size_t index, ShardShared& shared, const std::vector<std::unique_ptr<Shard>>& all, std::unique_ptr<Io> io);
  ~Shard() override;
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Before start().
  /// Listens; `tls` connections go through the transport factory. Answers the port. Errors: kUnavailable.
  Result<std::uint16_t> listen(const SocketAddress& address, bool share_port, bool tls);
  void start();

  // Threads: any.
  /// Has the shard look at the drain controller again: a drain or a shed has changed. Waits for room in its mailbox;
  /// never call it on a shard's thread.
  void release_changed();
  /// Returns once a tick that began after the call is over. Never on a shard's thread.
  void pass_tick();
  void stop();  ///< Ends and joins the thread; connections that are left are cut.
  [[nodiscard]] const ShardStats& stats() const { return stats_; }
  [[nodiscard]] SteadyTime last_tick() const { return loop_.last_tick(); }

  // LoopHandler.
  void on_completion(const Completion& completion) override;
  void on_timer(Token token) override;
  void on_tick_end() override;

 private:
  class Host;  // A protocol's view of this shard.

  /// A socket that was accepted and is no connection yet: it costs its descriptor, and nothing else.
  struct Newcomer {
    Socket socket = kNoSocket;
    Token listener = 0;
    SteadyTime accepted{};
    std::uint64_t ticket = 0;  ///< Of one that waits for admission.
  };

  void accepted(const Completion& completion);
  void ask_admission(Newcomer newcomer);
  void let_in(const Newcomer& newcomer, Refusal refusal);
  void cut(const Newcomer& newcomer);
  void admission_tick();
  void accept_failed(std::int32_t error);
  void rearm_accepts();
  void release_tick();
  [[nodiscard]] std::size_t releasable() const;
  void release_some(std::size_t count);
  void evict_some();

  const std::size_t index_;
  ShardShared& shared_;
  const std::vector<std::unique_ptr<Shard>>& all_;
  EventLoop loop_;
  ShardStats stats_;
  std::vector<std::unique_ptr<Host>> hosts_;  // Before what holds the protocols: a host outlives its protocol.
  ShardContext context_;
  std::vector<std::pair<Socket, Token>> listeners_;
  TimerNode release_timer_;
  TimerNode admission_timer_;
  TimerNode accept_timer_;
  std::vector<ConnectionId> resuming_;  ///< Connections whose work was put off in the last tick.
  std::deque<Newcomer> waiting_;        ///< For admission, in the order in which they came.
  std::uint32_t release_cursor_ = 0;
  bool accepts_failing_ = false;
  Slab<Connection> connections_;
  std::thread thread_;
};

}  // namespace sluice::gateway
