// Calls to the admin API of gateways, as the operator's other parts see them. The implementation is admin_client.h.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "operator/gateway_state.h"

namespace sluice::op {

/// One call. `uid` is the audience of its token: another pod that has come by the same address refuses it.
struct AdminCall {
  enum class Verb { kState, kDrain, kUndrain };  ///< GET state, PUT drain, DELETE drain.
  Verb verb = Verb::kState;
  std::string uid;
  std::string address;  ///< "10.0.0.7:9901"

  // PUT /admin/v1/drain only.
  std::string reason;
  WallTime deadline{};
  double rate_per_second = 0;
  int close_code = 1012;
  Duration hint_jitter{0};
};

class AdminApi {
 public:
  virtual ~AdminApi() = default;
  /// `done` runs once, on another thread, within kAdminTimeout and a little; it must not block. Errors: kUnavailable
  /// (no answer, 5xx), kDenied (401, 403), kInvalid (an answer that cannot be read, other 4xx). Threads: any.
  using Done = std::function<void(Result<GatewayState>)>;
  virtual void call(AdminCall call, Done done) = 0;
};

/// All of `calls` at once; waits for every answer. Answers stand in the order of the calls.
std::vector<Result<GatewayState>> call_all(AdminApi& api, std::vector<AdminCall> calls);

}  // namespace sluice::op
