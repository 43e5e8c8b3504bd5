// The last word of each gateway: what the state poller and the drain calls have heard, by pod UID.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/boxed.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "operator/gateway_state.h"

namespace sluice::op {

/// What is known of one gateway.
struct HeardState {
  std::optional<GatewayState> state;
  SteadyTime asked_at{};                ///< When the call that `state` answers began: it is at least so old.
  std::optional<SteadyTime> failed_at;  ///< When the newest call failed, where none has succeeded since.
  std::optional<SteadyTime>
      empty_since;  ///< When the first of the last answers that all say "no connection" was asked.
  std::optional<std::int64_t> last_count;   ///< The newest count of connections that was not zero.
  int failures = 0;                         ///< Calls without an answer, in a row, ...
  std::optional<SteadyTime> failing_since;  ///< ... when the first of them ended, ...
  bool refused = false;                     ///< ... and whether the last was refused or cut.
  double rate_possible = 0;                 ///< Of calls of this process: as its state says, or perhaps a lost one.
  Boxed<DrainTerms> ordered;                ///< As model.h's PodView says.
};

/// Threads: any.
class StateStore {
 public:
  /// A call that began at `asked_at` was answered. An answer older than what is known, or of a pod that nobody has
  /// named with set_pods(), is dropped. Answers whether what is known has changed in a way that a plan may care about.
  bool heard(const std::string& uid, SteadyTime asked_at, const GatewayState& state);
  /// A drain order with these terms was answered.
  void ordered(const std::string& uid, const DrainTerms& terms);
  /// A call failed. `rate_maybe` is the rate that it may have granted all the same (0: none). `why` as admin_api.h
  /// says: a refusal in words is an answer, and no failure of the gateway's health.
  void failed(const std::string& uid, SteadyTime at, double rate_maybe, ErrorCode why);

  [[nodiscard]] HeardState get(const std::string& uid) const;
  /// The pods of `key`, a RealtimeGateway, are now these. What is known of its others is forgotten, and an answer of
  /// theirs that comes late is dropped.
  void set_pods(const std::string& key, std::vector<std::string_view> uids);
  [[nodiscard]] std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, HeardState> states_;  ///< By UID. Each look reads them all.
  /// The pods of one RealtimeGateway.
  struct Named {
    std::vector<std::string> uids;  ///< Sorted.
    std::uint64_t forgotten = 0;    ///< As below, when all of them were known.
  };
  std::map<std::string, Named> named_;
  /// Grows where pods are forgotten: one of them may have been another gateway's meanwhile.
  std::uint64_t forgotten_ = 1;
};

}  // namespace sluice::op
