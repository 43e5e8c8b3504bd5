#include "common/kube/reflector_plan.h"

#include <algorithm>
#include <utility>

namespace sluice::kube {
namespace {

constexpr Backoff kBackoff{.first = Duration(800), .most = Duration(30'000), .factor = 2.0, .jitter = 1.0};
/// After so long without a failure the next one counts as the first.
constexpr Duration kForgetFailuresAfter{120'000};
/// A watch that ends sooner without an event is a failure, or a server that ends each at once would be asked in a loop.
constexpr Duration kShortWatch{1'000};
/// A stream that breaks so often before its state is complete is given up for a list.
constexpr int kWatchListFailuresMax = 3;
constexpr Duration kWatchTimeoutLeast{300'000};
/// A server may ask us to wait longer than our own back-off, but no longer than this: one answer must not freeze a
/// cache for a day.
constexpr Duration kServerWaitMax{60'000};
static_assert(kServerWaitMax >= 2 * kBackoff.most);

}  // namespace

ReflectorStep ReflectorPlan::next() const {
  using Kind = ReflectorStep::Kind;
  if (!needs_list_) return {Kind::kWatch, version_};
  // Never older than what the cache has: another API server may be behind, and time must not run backwards.
  if (!watch_list_refused_ && watch_list_failures_ < kWatchListFailuresMax) {
    return {Kind::kWatchList, version_unknown_ ? "" : version_};
  }
  if (version_unknown_) return {Kind::kList, ""};
  return {Kind::kList, version_.empty() ? "0" : version_};
}

void ReflectorPlan::listed(std::string resource_version) {
  version_ = std::move(resource_version);
  needs_list_ = false;
  version_unknown_ = false;
  watch_list_failures_ = 0;
}

void ReflectorPlan::saw(std::string resource_version) {
  if (!resource_version.empty()) version_ = std::move(resource_version);
}

Duration ReflectorPlan::ended(const Ended& ended, SteadyTime now, Random& random) {
  using Kind = ReflectorStep::Kind;
  // A WatchList whose state is complete is a watch like any other.
  const Kind kind = ended.kind == Kind::kWatchList && !needs_list_ ? Kind::kWatch : ended.kind;
  if (kind != Kind::kWatch) {
    const bool version_was_unknown = version_unknown_;
    const bool watch_list_was_refused = watch_list_refused_;
    list_anew_after({kind, ended.status, ended.lived, ended.had_events});
    // What the answer taught us is tried at once.
    const bool learned = version_unknown_ != version_was_unknown || watch_list_refused_ != watch_list_was_refused;
    return learned ? Duration(0) : back_off(ended.status, now, random);
  }
  if (ended.status.ok()) {
    const bool too_short = ended.lived < kShortWatch && !ended.had_events;
    return too_short ? back_off(ended.status, now, random) : Duration(0);
  }
  // Where the server was out of reach or busy the version is still good. Anything else (410 above all) needs a list,
  // which says "not older than the version we have" first.
  if (ended.status.error().code != ErrorCode::kUnavailable) needs_list_ = true;
  return back_off(ended.status, now, random);
}

void ReflectorPlan::list_anew_after(const Ended& ended) {
  const bool watch_list = ended.kind == ReflectorStep::Kind::kWatchList;
  if (watch_list) ++watch_list_failures_;
  if (ended.status.ok()) return;
  if (ended.status.error().code == ErrorCode::kExpired) version_unknown_ = true;
  if (watch_list && ended.status.error().code == ErrorCode::kInvalid) watch_list_refused_ = true;
}

Duration ReflectorPlan::back_off(const Status& status, SteadyTime now, Random& random) {
  if (now - last_failure_ > kForgetFailuresAfter) failures_ = 0;
  last_failure_ = now;
  const Duration wait = kBackoff.delay(failures_++, random);
  if (status.ok()) return wait;
  return std::max(wait, std::min(status.error().retry_after.value_or(Duration(0)), kServerWaitMax));
}

Duration watch_timeout(Random& random) {
  return kWatchTimeoutLeast + Duration(static_cast<Duration::rep>(random.below(kWatchTimeoutLeast.count())));
}

}  // namespace sluice::kube
