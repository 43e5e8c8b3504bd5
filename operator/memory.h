// What the controller remembers of a RealtimeGateway from one look to the next, beside the objects and the gateways'
// states. A restart forgets it: that costs a repeat, never a wrong act.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "common/base/clock.h"
#include "operator/canary_samples.h"
#include "operator/problem.h"
#include "operator/progress.h"

namespace sluice::op {

/// Threads: any.
class Memory {
 public:
  /// `clock` outlives this.
  explicit Memory(const Clock& clock) : clock_(clock) {}

  /// What a look at a gateway should know.
  struct Notes {
    std::set<std::string> taken_names;     ///< Pod names that turned out to be somebody else's.
    Duration choosing_for{0};              ///< As model.h's Observed says.
    std::set<std::string> unsure;          ///< Names of pods that were written to, nobody knows whether with success.
    std::string orphaned_uid;              ///< Of the gateway that was seen to be deleted with --cascade=orphan.
    Duration creates_held{0};              ///< No pod is made before it has passed.
    Problem create_problem;                ///< Why not.
    std::optional<Duration> reversed_ago;  ///< Since a drain was taken back.
    CanaryBaseline baseline;
    ProgressMark progress;
    Duration progress_age{0};                 ///< Since the progress clock began.
    std::optional<Duration> rebalancing_for;  ///< As model.h's Observed says; so does the next.
    std::optional<Duration> rebalanced_ago;
  };
  [[nodiscard]] Notes of(const std::string& key) const;

  /// A choice of victims is (not) waiting for states.
  void note_choosing(const std::string& key, bool waiting);
  void note_taken(const std::string& key, const std::set<std::string>& names);
  void note_unsure(const std::string& key, const std::set<std::string>& pods);
  /// The pod has been read back: what became of the write is known.
  void note_sure(const std::string& key, const std::string& pod);
  void note_orphaned(const std::string& key, const std::string& uid);
  /// Pods were made, or `problem` says why one could not: then none is made for a while, which doubles each time.
  void note_creates(const std::string& key, const Problem& problem);

  /// The part of the reconnect budget that holds now (budget.h): a step nearer to `aim` where the last one is long
  /// enough ago; at once where nobody releases anything, since nothing can swing then.
  double step_throttle(const std::string& key, double aim, bool releasing);
  /// Those of `now` that were not among what was told of `topic` the last time: what an event says once as long as it
  /// lasts.
  [[nodiscard]] std::set<std::string> news_of(const std::string& key, const std::string& topic,
                                              std::set<std::string> now);

  /// A drain was taken back.
  void note_reversed(const std::string& key);
  /// These pods (UIDs) are out of the endpoints for a rebalance now. Answers 1 where that has just begun, -1 where it
  /// has just ended.
  int note_rebalanced(const std::string& key, const std::set<std::string>& uids);
  void note_baseline(const std::string& key, CanaryBaseline baseline);
  void note_progress(const std::string& key, const ProgressDecision& decision);

  /// Whether `problem` differs from what was told last; it counts as told then.
  [[nodiscard]] bool is_news(const std::string& key, const Problem& problem);
  /// The same for what keeps drains from beginning (capacity_guard.h): only that it begins is news, not its figures.
  [[nodiscard]] bool is_new_objection(const std::string& key, const std::string& objection);
  /// And for what keeps a pod in the fleet that should be out.
  [[nodiscard]] bool is_new_hold(const std::string& key, const std::string& hold);
  /// Whether a foreign pod is seen for the first time.
  [[nodiscard]] bool is_new_stranger(const std::string& uid);

  void forget(const std::string& key);

 private:
  struct Entry {
    Notes notes;  ///< Without the durations.
    std::optional<SteadyTime> choosing_since;
    std::optional<SteadyTime> reversed_at;
    SteadyTime progress_from{};
    double throttle = 1;
    SteadyTime throttled_at{};
    std::map<std::string, std::set<std::string>> told_of;  ///< By topic.
    Duration create_delay{0};                              ///< The last one; 0 where the last create went well.
    SteadyTime creates_from{};
    Problem told;
    bool objection_told = false;
    bool hold_told = false;
    std::set<std::string> rebalanced;
    SteadyTime rebalance_grew_at{};
    std::optional<SteadyTime> rebalance_ended_at;
  };

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;  ///< By key.
  std::set<std::string> strangers_;       ///< UIDs.
};

}  // namespace sluice::op
