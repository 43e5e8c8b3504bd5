// What a command works with: the API server, where to look, and where to write.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/kube/client.h"

namespace sluice {
class StopSignal;
}

namespace sluice::cli {

struct Session {
  kube::Client& client;
  const Clock& clock;
  Random& random;
  StopSignal* stop = nullptr;  ///< Of commands that watch; null for the others, which a signal simply ends.
  std::string ns;              ///< "" for all of them (-A).
  Terminal& terminal;
};

/// The connection that the global flags describe, $KUBECONFIG and so on as with kubectl. Errors: kInvalid, kNotFound.
Result<kube::Config> connection_of(const Parsed& parsed);

/// One RealtimeGateway. Errors: as the API server's.
Result<kube::Json> get_gateway(Session& session, const std::string& name);
/// The one that is named, or all of the session's namespace.
Result<std::vector<kube::Json>> get_gateways(Session& session, const Parsed& parsed);
/// The one that is named, or the only one that there is. Errors: kInvalid where there are several.
Result<kube::Json> get_one_gateway(Session& session, const Parsed& parsed);

/// "No resources found in prod namespace.", as kubectl has it.
std::string nothing_found(const Session& session);

}  // namespace sluice::cli
