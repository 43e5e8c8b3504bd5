// One simulated user: when it connects, talks, moves after a hint, comes back, leaves. A state machine without I/O and
// without a clock of its own.
//
// Each of its two slots holds one connection:
//
//   free ──open()──> connecting ──on_open──> open ──retire──> retiring ──answers in──> closing ──Close──> free
//                        └──on_refused──> free (backoff)                 (Close 1000 sent)
//
// A client talks on its current connection. After a hint it opens a second one beside it within the time it was given,
// makes that the current one and retires the old one: make before break.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "bench/loadgen/hint.h"
#include "bench/loadgen/tally.h"
#include "bench/loadgen/workload.h"
#include "common/base/backoff.h"
#include "common/base/random.h"

namespace sluice::loadgen {

/// How a client says that it understands reconnect hints.
enum class HintMode : std::uint8_t {
  kSubProtocol,  ///< Sub-protocol sluice.v1.
  kQuery,        ///< ?sluice-hints=1.
  kDeaf,         ///< Not at all: it only ever sees the Close frame.
};

/// What a client asks of the world. No call leads to a call back from within itself. Times out connects by itself.
class Wire {
 public:
  virtual ~Wire() = default;
  /// Opens a connection when its turn has come; `urgent` goes before those that only start. Answered by
  /// Client::on_open or on_refused, unless drop() comes first.
  virtual void open(ClientId client, Slot slot, bool urgent) = 0;
  virtual void send(ClientId client, Slot slot, const Outgoing& message) = 0;
  /// Sends Close 1000. Answered by Client::on_end.
  virtual void close(ClientId client, Slot slot) = 0;
  /// Forgets the connection at once; nothing is called back for it.
  virtual void drop(ClientId client, Slot slot) = 0;
};

/// Times that all clients share. `churn_mean` may change while they run.
struct ClientRules {
  Duration churn_mean{0};       ///< Mean life of a connection before its client closes and comes back; 0: for ever.
  Duration churn_pause{1'000};  ///< A churning client is away for up to this long.
  Duration close_wait{5'000};   ///< How long a Close frame may stay unanswered.
  Duration quiet_before_close{
      1'000};                ///< Nothing is sent on a hinted connection for this long before its announced end.
  double move_within = 0.8;  ///< A hinted client moves at a random time in this share of what it was given.
  Backoff backoff{Duration{250}, Duration{10'000}, 2.0, 1.0};
};

/// Threads: one.
class Client {
 public:
  /// All references outlive the client.
  Client(ClientId id, HintMode mode, const ClientRules& rules, Workload& workload, Wire& wire, Tally& tally,
         Random& random)
      : id_(id), mode_(mode), rules_(rules), workload_(workload), wire_(wire), tally_(tally), random_(random) {}

  /// Asks for the first connection.
  void start();
  /// Ends the client's life: its connection is retired and closed with 1000. Idempotent.
  void leave(SteadyTime now);
  /// Draws the next churn anew, after `churn_mean` has changed.
  void reschedule_churn(SteadyTime now);

  void on_open(Slot slot, SteadyTime now);
  /// `reason` is a label ("status 503", "errno ECONNREFUSED", "timeout").
  void on_refused(Slot slot, const std::string& reason, std::optional<Duration> retry_after, SteadyTime now);
  void on_message(Slot slot, Opcode opcode, std::string_view payload, SteadyTime now);
  /// The connection will carry nothing more in either direction.
  void on_end(Slot slot, const End& end, SteadyTime now);
  /// Does what has come due. To be called at wake_at() or at any time.
  void on_wake(SteadyTime now);
  /// When something comes due next. Changes with every call above.
  [[nodiscard]] SteadyTime wake_at(SteadyTime now) const;

  [[nodiscard]] HintMode mode() const { return mode_; }
  /// Whether there is a connection to talk on.
  [[nodiscard]] bool connected() const { return current_.has_value(); }
  /// Connections that only wait to be closed.
  [[nodiscard]] int retiring() const;
  /// Whether it has ever had one.
  [[nodiscard]] bool opened_before() const { return opened_before_; }
  /// Whether the client has left and holds nothing any more.
  [[nodiscard]] bool gone() const {
    return leaving_ && link(Slot::kA).phase == Phase::kFree && link(Slot::kB).phase == Phase::kFree;
  }

 private:
  enum class Phase : std::uint8_t { kFree, kConnecting, kOpen, kRetiring, kClosing };
  struct Link {
    Phase phase = Phase::kFree;
    bool hinted = false;
    SteadyTime move_at = kNever;     // Open a replacement then.
    SteadyTime quiet_at = kNever;    // Send nothing new from then on.
    SteadyTime give_up_at = kNever;  // kRetiring: close all the same. kClosing: the peer's Close is overdue.
  };

  [[nodiscard]] const Link& link(Slot slot) const { return links_[index_of(slot)]; }
  Link& link(Slot slot) { return links_[index_of(slot)]; }
  [[nodiscard]] static Slot other(Slot slot) { return slot == Slot::kA ? Slot::kB : Slot::kA; }
  [[nodiscard]] bool connecting() const;
  [[nodiscard]] std::optional<Slot> free_slot() const;
  [[nodiscard]] bool may_talk(SteadyTime now) const;

  void open(Slot slot, bool urgent);
  void retire(Slot slot, SteadyTime now);
  void send_close(Slot slot, SteadyTime now);
  void on_hint(Slot slot, const Hint& hint, SteadyTime now);
  void give_up_overdue(SteadyTime now);
  void talk(SteadyTime now);
  [[nodiscard]] Duration delay_after(EndClass end_class, const End& end);
  [[nodiscard]] Duration up_to(Duration most);

  const ClientId id_;
  const HintMode mode_;
  const ClientRules& rules_;
  Workload& workload_;
  Wire& wire_;
  Tally& tally_;
  Random& random_;

  std::array<Link, kSlots> links_;
  std::optional<Slot> current_;  // Always open.
  SteadyTime reconnect_at_ = kNever;
  SteadyTime churn_at_ = kNever;
  int attempts_ = 0;  // Failures since the last success.
  bool opened_before_ = false;
  bool leaving_ = false;
};

}  // namespace sluice::loadgen
