// Whose state is asked for next: at most kPollsPerSecondMax a second in all. Draining pods come first, but never twice
// in a row while another pod is due; then the candidates for a victim; then the pods of a canary that is being judged,
// nor they twice in a row; then the others in turn. Candidates must all be fresh at one moment, so those of one
// RealtimeGateway are asked at a time, the oldest choice first; the others' candidates are polled like any pod until it
// is their turn. A fleet at rest is sampled: where one answer differs from the last one, all its pods are asked again.
// Pure; the poller asks with its clock.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"

namespace sluice::op {

enum class PollUrgency {
  kDraining,
  kCandidate,
  kCanary,   ///< Its revision is being judged.
  kWatched,  ///< In turn as any other, but due sooner.
  kOther,
};

/// The last word of the targets.
struct PollTally {
  int heard = 0;    ///< Targets that have been asked at least once.
  int failing = 0;  ///< Of them, those that did not answer the last time.
};

/// What came of a poll.
enum class PollResult {
  kFailed,   ///< No answer.
  kSame,     ///< It said what it had said before.
  kChanged,  ///< It had something new to say.
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
  PollSchedule() = default;
  PollSchedule(const PollSchedule&) = delete;  // The queues point to the entries.
  PollSchedule& operator=(const PollSchedule&) = delete;

  /// Replaces the targets of one RealtimeGateway; a target keeps its place in turn. Those that join are due at
  /// `newcomers_due`, and at once where they are urgent, or where the RealtimeGateway is named for the first time.
  void set_targets(const std::string& key, const std::vector<PollTarget>& targets, SteadyTime newcomers_due = {});
  void forget(const std::string& key);

  /// The target to ask at `now`, if one is due and the rate allows it, with the urgency that it is asked for; it counts
  /// as asked, and is not asked again before finished(). `candidates_only`: there is no room for others.
  std::optional<PollTarget> next(SteadyTime now, bool candidates_only = false);
  void finished(const std::string& uid, PollResult result = PollResult::kChanged);
  [[nodiscard]] PollTally tally() const { return tally_; }

  /// The earliest time at which next() may have something. Unset where only set_targets or finished can change that.
  [[nodiscard]] std::optional<SteadyTime> next_due(bool candidates_only = false) const;

 private:
  struct Fleet;
  struct Entry {
    const std::string* uid = nullptr;  ///< Its key in entries_.
    std::string address;
    Fleet* fleet = nullptr;
    PollUrgency urgency = PollUrgency::kOther;
    bool in_flight = false;
    bool newcomer = false;         ///< Not asked yet: `asked_at` is what makes it due.
    std::optional<bool> answered;  ///< The last time.
    SteadyTime asked_at{};
    std::uint64_t named_in = 0;  ///< Number of the last set_targets() that named it.
  };
  /// Longest not asked first.
  struct InTurn {
    bool operator()(const Entry* a, const Entry* b) const {
      return std::tie(a->asked_at, *a->uid) < std::tie(b->asked_at, *b->uid);
    }
  };
  using Queue = std::set<Entry*, InTurn>;
  /// The targets of one RealtimeGateway.
  struct Fleet {
    std::string key;
    std::vector<Entry*> members;
    bool calm = false;        ///< All of them are kOther.
    std::size_t unheard = 0;  ///< Of whom nothing is known yet.
    int same = 0;             ///< Answers in a row that were the same.
    bool resting = false;
    Queue queue;              ///< While it rests: who is not in flight.
    SteadyTime sampled_at{};  ///< When one of them was asked last.
    SteadyTime due_at{};      ///< When the next one is to be, by its place in resting_; only where queue is not empty.
  };
  struct DueFirst {
    bool operator()(const Fleet* a, const Fleet* b) const {
      return std::tie(a->due_at, a->key) < std::tie(b->due_at, b->key);
    }
  };
  static constexpr std::size_t kUrgencies = 5;

  /// True where the target was not there, or belonged to another fleet.
  bool take_in(Fleet& fleet, const PollTarget& target, SteadyTime newcomers_due);
  void remove(Entry& entry);
  void note_choosing(const std::string& key, bool chooses);
  void pass_turn(SteadyTime now);
  void update_turn();
  void enqueue(Entry& entry);
  void dequeue(Entry& entry);
  [[nodiscard]] PollUrgency urgency_of(const Entry& entry) const;
  [[nodiscard]] Queue& queue_of(const Entry& entry);
  [[nodiscard]] Entry* first_due(PollUrgency urgency, SteadyTime now) const;
  [[nodiscard]] Entry* calm_due(SteadyTime now);
  [[nodiscard]] Entry* resting_due(SteadyTime now) const;
  void set_resting(Fleet& fleet, bool resting);
  void place(Fleet& fleet);
  void heard(Fleet& fleet, PollResult result);
  void count(const Entry& entry, int by);

  std::unordered_map<std::string, Entry> entries_;  ///< By UID. An entry keeps its place in memory.
  std::map<std::string, Fleet> fleets_;             ///< By key.
  std::set<Fleet*, DueFirst> resting_;              ///< Those that rest and have somebody to ask.
  SteadyTime last_resting_{};                       ///< When a pod of a fleet at rest was asked last.
  // Who is not in flight, by the urgency that counts now: thousands of pods cost no more than one at each poll.
  std::array<Queue, kUrgencies> queues_;  ///< By PollUrgency.
  std::deque<std::string> choosing_;      ///< Keys with candidates, the oldest choice first: its turn it is.
  std::string in_turn_;                   ///< The first of them, as the queues know it.
  std::string turn_of_;                   ///< Whose turn it was at the last next(), ...
  SteadyTime turn_since_{};               ///< ... and since when.
  std::uint64_t namings_ = 0;             ///< Calls of set_targets().
  SteadyTime last_{};
  bool last_was_draining_ = false;
  bool last_was_canary_ = false;  ///< Of those that are neither draining nor candidates.
  PollTally tally_;
};

}  // namespace sluice::op
