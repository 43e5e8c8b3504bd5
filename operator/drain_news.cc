#include "operator/drain_news.h"

#include <set>
#include <string>
#include <string_view>

namespace sluice::op {

void DrainNews::tell(const Basis& basis, const Plan& plan, WallTime now) {
  const bool guarded = plan.objection_reason == std::string_view("CapacityGuard");
  if (memory_.is_new_objection(basis.key, guarded ? plan.objection : std::string())) {
    say(basis.gateway, capacity_guard(plan.objection));
  }
  tell_of(basis, "late", late_drains(basis.spec, basis.seen, now));
  tell_of(basis, "hurried", hurried_pods(basis.spec, basis.seen, now));
  tell_of(basis, "cost", bad_session_costs(basis.seen));
}

void DrainNews::tell_of(const Basis& basis, const char* topic, const std::vector<PodNews>& all) {
  std::set<std::string> uids;
  for (const PodNews& one : all) uids.insert(one.uid);
  const std::set<std::string> news = memory_.news_of(basis.key, topic, std::move(uids));
  for (const PodNews& one : all) {
    if (news.contains(one.uid)) say(basis.gateway, one.announcement);
  }
}

void DrainNews::say(const kube::Json& gateway, const Announcement& announcement) {
  events_.record(gateway, announcement.warning ? kube::EventType::kWarning : kube::EventType::kNormal,
                 announcement.reason, announcement.action, announcement.note);
}

}  // namespace sluice::op
