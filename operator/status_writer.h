// Sends .status: at once where something has happened, numbers of pods at most every kStatusReplicasEvery, connection
// counts at most every kStatusCountsEvery, and nothing that would change nothing.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/kube/client.h"
#include "operator/own_writes.h"

namespace sluice::op {

/// Threads: any; one key at a time.
class StatusWriter {
 public:
  /// References outlive this. What is written is also told to `gateway_writes`.
  StatusWriter(kube::Client& client, ObjectWrites& gateway_writes, const Clock& clock)
      : client_(client), gateway_writes_(gateway_writes), clock_(clock) {}

  /// Answers after how long the rest should be tried again, where counts have to wait. A gateway that is gone is no
  /// error.
  Result<std::optional<Duration>> write(const std::string& key, const kube::Json& gateway, const kube::Json& status);
  void forget(const std::string& key);

 private:
  struct Written {
    kube::Json status;
    SteadyTime at{};
  };
  std::optional<Duration> wait_for(const std::string& key, const kube::Json& gateway, const kube::Json& status);

  kube::Client& client_;
  ObjectWrites& gateway_writes_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Written> written_;
};

}  // namespace sluice::op
