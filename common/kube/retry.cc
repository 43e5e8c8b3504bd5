// Whether a call is made again, and when. Source: client-go rest/with_retry.go, util/retry.
#include "common/base/backoff.h"
#include "common/kube/client.h"

namespace sluice::kube {
namespace {

constexpr int kRetriesMax = 10;
constexpr int kConflictRetriesMax = 5;
constexpr Backoff kConflictBackoff{.first = Duration(10), .most = Duration(1'000), .factor = 2.0, .jitter = 0.5};

}  // namespace

std::optional<Duration> retry_wait(const http::Response& answer, int attempt, Duration time_left, WallTime now) {
  if (answer.status != 429 && answer.status < 500) return std::nullopt;
  if (attempt > kRetriesMax) return std::nullopt;
  const std::optional<Duration> wait = http::parse_retry_after(answer.header("retry-after"), now);
  if (!wait || *wait >= time_left) return std::nullopt;
  return wait;
}

Status retry_on_conflict(const std::function<Status()>& attempt, Random& random,
                         const std::function<void(Duration)>& wait) {
  for (int retry = 0;; ++retry) {
    Status status = attempt();
    if (status || status.error().code != ErrorCode::kConflict || retry == kConflictRetriesMax) return status;
    wait(kConflictBackoff.delay(retry, random));
  }
}

}  // namespace sluice::kube
