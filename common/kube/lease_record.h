// The decision of leader election, apart from its I/O: what a Lease says and what a candidate or leader should do about
// it. Source: client-go tools/leaderelection (tryAcquireOrRenew), coordination.k8s.io/v1 LeaseSpec.
#pragma once

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/kube/resource.h"

namespace sluice::kube {

/// What a Lease object says.
struct LeaseRecord {
  std::string holder;    ///< "" where it was released.
  Duration duration{0};  ///< How long a holder may be silent.
  std::string acquire_time;
  std::string renew_time;
  std::int64_t transitions = 0;
  Json object;  ///< The whole of it, its version and what others keep in it.

  /// Whether both say the same about who holds it and until when.
  [[nodiscard]] bool same_term(const LeaseRecord& other) const;
};

/// Fields that are absent read as empty: a Lease that somebody made by hand is one that nobody holds.
LeaseRecord read_lease(Json lease);
/// The object to write, conditional on `seen`'s version: with all that is not ours as it was seen. `seen` is unset
/// where no Lease exists yet.
Json write_lease(const std::optional<LeaseRecord>& seen, std::string_view ns, std::string_view name,
                 std::string_view holder, Duration duration, WallTime now);

enum class LeaseAction {
  kWait,   ///< Another one holds it.
  kWrite,  ///< Take it, or renew what is ours.
  kLost,   ///< We led, and now another one holds it.
};

/// A record and when, by our own clock, it was first seen like this. Clocks of other machines are never compared.
class LeaseObserver {
 public:
  /// Notes the record as read at `now`. The time of sight moves only where the term has changed: whoever labels a Lease
  /// does not renew it.
  void see(std::optional<LeaseRecord> record, SteadyTime now);
  [[nodiscard]] const std::optional<LeaseRecord>& record() const { return record_; }

  /// What `identity` should do at `now`. A leader that finds another holder has lost, also where that one has expired
  /// since: it led meanwhile. A Lease that is gone or was released goes to whoever comes first.
  [[nodiscard]] LeaseAction decide(std::string_view identity, bool leading, SteadyTime now) const;
  /// When a silent holder's time is over; `now` where nobody holds it.
  [[nodiscard]] SteadyTime free_at(SteadyTime now) const;

 private:
  std::optional<LeaseRecord> record_;
  SteadyTime seen_at_{};
};

}  // namespace sluice::kube
