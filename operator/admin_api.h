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
  enum class Verb {
    kState,       ///< GET state.
    kDrain,       ///< PUT drain.
    kUndrain,     ///< DELETE drain.
    kShed,        ///< PUT shed.
    kUnshed,      ///< DELETE shed.
    kNodeStatus,  ///< POST node-status; answers an empty state.
  };
  Verb verb = Verb::kState;
  std::string uid;
  std::string address;  ///< "10.0.0.7:9901"

  // PUT /admin/v1/drain and /admin/v1/shed only.
  std::string reason;
  WallTime deadline{};
  double rate_per_second = 0;
  int close_code = 1012;
  Duration hint_jitter{0};
  std::string id;          ///< Of a shed.
  std::int64_t count = 0;  ///< Connections that a shed releases.

  // POST /admin/v1/node-status only.
  struct Peer {
    std::string pod;
    std::string uid;
    std::string status;  ///< As its label sluice.dev/state.
    int severity = 0;    ///< 0: it is well.
  } peer;
};

class AdminApi {
 public:
  virtual ~AdminApi() = default;
  /// `done` runs once, on another thread, within kAdminTimeout and a little; it must not block. Errors: kUnavailable
  /// (no answer, 5xx), kNotFound (the connection was refused or cut: nobody is there to answer), kDenied (401, 403),
  /// kInvalid (an answer that cannot be read, other 4xx). Threads: any.
  using Done = std::function<void(Result<GatewayState>)>;
  virtual void call(AdminCall call, Done done) = 0;
};

/// Whether a call failed without a word of the gateway.
inline bool unanswered(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kNotFound;
}

/// All of `calls` at once; waits for every answer. Answers stand in the order of the calls.
std::vector<Result<GatewayState>> call_all(AdminApi& api, std::vector<AdminCall> calls);

}  // namespace sluice::op
