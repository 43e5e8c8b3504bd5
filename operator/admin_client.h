// The admin API over HTTP: cpprestsdk's client and its task chains, since many calls run at once. The only file that
// includes cpprestsdk is admin_client.cc.
#pragma once

#include <memory>

#include "common/base/clock.h"
#include "common/base/ed25519_jwt.h"
#include "common/base/metrics.h"
#include "operator/admin_api.h"

namespace sluice::op {

/// Threads: any. At most kAdminCallsMax calls are under way; one more waits its turn.
class AdminClient final : public AdminApi {
 public:
  /// `metrics` gets sluice_operator_admin_calls_total{verb,result}. References outlive the client. One a process:
  /// cpprestsdk's threads are shared.
  AdminClient(const Clock& clock, MetricsRegistry& metrics);
  /// Waits for the calls under way, each of which is bounded by its time-out; those that wait answer kUnavailable.
  ~AdminClient() override;

  /// The key that signs from now on. Before the first one every call answers kUnavailable.
  void set_key(SigningKey key);
  void call(AdminCall call, Done done) override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::op
