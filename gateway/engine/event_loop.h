// One thread's loop: completions, mail and timers, in bounded portions. A shard is an event loop with a handler that
// speaks WebSocket; the admin server is one with a handler that speaks HTTP.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "common/base/clock.h"
#include "gateway/engine/io.h"
#include "gateway/engine/mailbox.h"
#include "gateway/engine/timer_wheel.h"

namespace sluice::gateway {

/// What a loop drives. All calls come on the loop's thread.
class LoopHandler {
 public:
  virtual ~LoopHandler() = default;
  virtual void on_completion(const Completion& completion) = 0;
  /// The timer of `token`'s owner has expired; it is no longer armed.
  virtual void on_timer(Token token) = 0;
  /// After all completions, mail and timers of a tick: the place to send what the tick has produced.
  virtual void on_tick_end() = 0;
};

class EventLoop {
 public:
  static constexpr std::size_t kMailsMax = 65'536;
  static constexpr std::size_t kMailBytesMax = std::size_t{64} * 1024 * 1024;
  static constexpr std::size_t kTimersPerTick = 1024;
  static constexpr std::size_t kMailsPerTick = 256;
  static constexpr Duration kWaitMax{1000};  ///< A loop that lives ticks at least this often.

  /// `clock` outlives the loop.
  EventLoop(std::unique_ptr<Io> io, const Clock& clock);

  /// Ticks until stop(). `handler` outlives the call.
  void run(LoopHandler& handler);
  /// One tick: waits at most `at_most` for something to happen, then handles it.
  void run_once(LoopHandler& handler, Duration at_most);

  // Threads: any.
  /// Has `mail` carried out on the loop's thread. False where the mailbox is full or the loop has stopped. `bytes`:
  /// what the mail keeps in memory beyond itself.
  bool try_post(Mailbox::Mail mail, std::size_t bytes = 0);
  /// The same, waiting for room. Never from a loop's own thread.
  bool post(Mailbox::Mail mail);
  /// Ends run() after the current tick.
  void stop();
  /// When the loop last ticked: one that hangs does not.
  [[nodiscard]] SteadyTime last_tick() const { return SteadyTime(SteadyTime::duration(last_tick_.load())); }

  // Threads: the loop's.
  [[nodiscard]] Io& io() { return *io_; }
  [[nodiscard]] TimerWheel& timers() { return timers_; }
  /// The time of this tick: read once a tick, so that all decisions of a tick agree.
  [[nodiscard]] SteadyTime now() const { return now_; }
  /// Work is left for the next tick: it does not wait for anything to happen.
  void tick_again() { tick_again_ = true; }

 private:
  std::unique_ptr<Io> io_;
  const Clock& clock_;
  Mailbox mailbox_;
  SteadyTime now_;
  TimerWheel timers_;
  std::vector<Mailbox::Mail> mails_;
  bool tick_again_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<SteadyTime::rep> last_tick_;
};

}  // namespace sluice::gateway
