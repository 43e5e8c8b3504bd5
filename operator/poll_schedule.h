// Whose state is asked for next: at most kPollsPerSecondMax a second in all. Draining pods come first, but never twice
// in a row while another pod is due; then the candidates for a victim, then the others in turn. Candidates must all be
// fresh at one moment, so those of one RealtimeGateway are asked at a time, the oldest choice first; the others'
// candidates are polled like any pod until it is their turn. Pure; the poller asks with its clock.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace sluice::op {

enum class PollUrgency {
  kDraining,
  kCandidate,
  kWatched,  ///< In turn as any other, but due sooner.
  kOther,
};

/// The last word of the targets.
struct PollTally {
  int heard = 0;    ///< Targets that have been asked at least once.
  int failing = 0;  ///< Of them, those that did not answer the last time.
};

struct PollTarget {
  std::string uid;
  std::string address;  ///< "10.0.0.7:9901"
  std::string key;      ///< The RealtimeGateway it belongs to.
  PollUrgency urgency = PollUrgency::kOther;
};

/// Threads: one at a time.
class PollSchedule {
 public:
  /// Replaces the targets of one RealtimeGateway; a target keeps its place in turn. Empty: forget them.
  void set_targets(const std::string& key, const std::vector<PollTarget>& targets);

  /// The target to ask at `now`, if one is due and the rate allows it, with the urgency that it is asked for; it counts
  /// as asked, and is not asked again before finished(). `candidates_only`: there is no room for others.
  std::optional<PollTarget> next(SteadyTime now, bool candidates_only = false);
  void finished(const std::string& uid, bool answered = true);
  [[nodiscard]] PollTally tally() const { return tally_; }

  /// The earliest time at which next() may have something. Unset where only set_targets or finished can change that.
  [[nodiscard]] std::optional<SteadyTime> next_due(bool candidates_only = false) const;

 private:
  struct Entry {
    PollTarget target;
    SteadyTime asked_at{};
    bool in_flight = false;
    std::optional<bool> answered;  ///< The last time.
  };

  void count(const Entry& entry, int by);
  void pass_turn(SteadyTime now);
  [[nodiscard]] PollUrgency urgency_of(const Entry& entry) const;
  [[nodiscard]] SteadyTime due_of(const Entry& entry) const;

  std::map<std::string, Entry> entries_;  ///< By UID.
  std::deque<std::string> choosing_;      ///< Keys with candidates, the oldest choice first: its turn it is.
  std::string turn_of_;                   ///< Whose turn it was at the last next(), ...
  SteadyTime turn_since_{};               ///< ... and since when.
  PollTally tally_;
  SteadyTime last_{};
  bool last_was_draining_ = false;
};

}  // namespace sluice::op
