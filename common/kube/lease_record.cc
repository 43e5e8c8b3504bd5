#include "common/kube/lease_record.h"

#include <tuple>

#include "common/base/duration_text.h"

namespace sluice::kube {

bool LeaseRecord::same_term(const LeaseRecord& other) const {
  const auto term = [](const LeaseRecord& r) {
    return std::tie(r.holder, r.duration, r.acquire_time, r.renew_time, r.transitions);
  };
  return term(*this) == term(other);
}

LeaseRecord read_lease(Json lease) {
  LeaseRecord record{.holder = text_at(lease, "/spec/holderIdentity"),
                     .duration = std::chrono::seconds(integer_at(lease, "/spec/leaseDurationSeconds", 0)),
                     .acquire_time = text_at(lease, "/spec/acquireTime"),
                     .renew_time = text_at(lease, "/spec/renewTime"),
                     .transitions = integer_at(lease, "/spec/leaseTransitions", 0),
                     .object = {}};
  record.object = std::move(lease);
  return record;
}

Json write_lease(const std::optional<LeaseRecord>& seen, std::string_view ns, std::string_view name,
                 std::string_view holder, Duration duration, WallTime now) {
  const std::string time = format_rfc3339_micro(now);
  const bool renewal = seen && seen->holder == holder;
  const bool takeover = seen && !renewal && !holder.empty();
  Json ours = {{"apiVersion", kLeases.api_version()},
               {"kind", kLeases.kind},
               {"metadata", {{"name", name}, {"namespace", ns}}},
               {"spec",
                {{"holderIdentity", holder},
                 {"leaseDurationSeconds", std::chrono::ceil<std::chrono::seconds>(duration).count()},
                 {"acquireTime", renewal && !seen->acquire_time.empty() ? seen->acquire_time : time},
                 {"renewTime", time},
                 {"leaseTransitions", (seen ? seen->transitions : 0) + (takeover ? 1 : 0)}}}};
  if (!seen) return ours;
  Json lease = seen->object;
  lease.merge_patch(ours);  // what it does not name stays
  return lease;
}

void LeaseObserver::see(std::optional<LeaseRecord> record, SteadyTime now) {
  const bool same = record && record_ ? record->same_term(*record_) : record.has_value() == record_.has_value();
  if (!same) seen_at_ = now;
  record_ = std::move(record);
}

LeaseAction LeaseObserver::decide(std::string_view identity, bool leading, SteadyTime now) const {
  if (!record_ || record_->holder.empty() || record_->holder == identity) return LeaseAction::kWrite;
  if (leading) return LeaseAction::kLost;
  return now >= free_at(now) ? LeaseAction::kWrite : LeaseAction::kWait;
}

SteadyTime LeaseObserver::free_at(SteadyTime now) const {
  if (!record_ || record_->holder.empty()) return now;
  return seen_at_ + record_->duration;
}

}  // namespace sluice::kube
