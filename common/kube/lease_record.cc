#include "common/kube/lease_record.h"

#include "common/base/duration_text.h"

namespace sluice::kube {

LeaseRecord read_lease(const Json& lease) {
  return {.holder = text_at(lease, "/spec/holderIdentity"),
          .duration = std::chrono::seconds(integer_at(lease, "/spec/leaseDurationSeconds", 0)),
          .acquire_time = text_at(lease, "/spec/acquireTime"),
          .renew_time = text_at(lease, "/spec/renewTime"),
          .transitions = integer_at(lease, "/spec/leaseTransitions", 0),
          .resource_version = std::string(resource_version_of(lease))};
}

Json write_lease(const std::optional<LeaseRecord>& seen, std::string_view ns, std::string_view name,
                 std::string_view holder, Duration duration, WallTime now) {
  const std::string time = format_rfc3339_micro(now);
  const bool renewal = seen && seen->holder == holder;
  const bool takeover = seen && !renewal && !holder.empty();
  Json lease = {{"apiVersion", kLeases.api_version()},
                {"kind", kLeases.kind},
                {"metadata", {{"name", name}, {"namespace", ns}}},
                {"spec",
                 {{"holderIdentity", holder},
                  {"leaseDurationSeconds", std::chrono::ceil<std::chrono::seconds>(duration).count()},
                  {"acquireTime", renewal && !seen->acquire_time.empty() ? seen->acquire_time : time},
                  {"renewTime", time},
                  {"leaseTransitions", (seen ? seen->transitions : 0) + (takeover ? 1 : 0)}}}};
  if (seen) lease["metadata"]["resourceVersion"] = seen->resource_version;
  return lease;
}

void LeaseObserver::see(std::optional<LeaseRecord> record, SteadyTime now) {
  if (record == record_) return;
  record_ = std::move(record);
  seen_at_ = now;
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
