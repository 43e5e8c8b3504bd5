// Whose state is asked for next: at most kPollsPerSecondMax a second in all, draining pods first, then candidates for a
// victim, then the others in turn. Pure; the poller asks with its clock.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace sluice::op {

enum class PollUrgency { kDraining, kCandidate, kOther };

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

  /// The target to ask at `now`, if one is due and the rate allows it; it counts as asked, and is not asked again
  /// before finished().
  std::optional<PollTarget> next(SteadyTime now);
  void finished(const std::string& uid);

  /// The earliest time at which next() may have something. Unset where only set_targets or finished can change that.
  [[nodiscard]] std::optional<SteadyTime> next_due() const;

 private:
  struct Entry {
    PollTarget target;
    SteadyTime asked_at{};
    bool in_flight = false;

    [[nodiscard]] SteadyTime due() const;
  };

  std::map<std::string, Entry> entries_;  ///< By UID.
  SteadyTime last_{};
};

}  // namespace sluice::op
