// How the commands that write do it: read, decide (edits.h), write what is conditional on what was read, and again
// where somebody else was faster.
#pragma once

#include <functional>
#include <string>

#include "cli/edits.h"
#include "cli/output.h"
#include "cli/session.h"

namespace sluice::cli {

struct ChangeOptions {
  Output output = Output::kTable;
  bool dry_run = false;
};
/// Of --output and --dry-run.
Result<ChangeOptions> change_options(const Parsed& parsed);

/// What is to be written, from the object as it is now.
struct Change {
  kube::PatchType type = kube::PatchType::kMerge;
  kube::Json patch;  ///< Null: nothing.
  std::string told;
};
using Decide = std::function<Result<Change>(const kube::Json& gateway)>;

/// Changes one RealtimeGateway and prints what came of it as kubectl does. `subject` is what is named: the gateway, or
/// "pod/x" for which it is changed. Conflicts are retried with the object read anew.
Status change_gateway(Session& session, const std::string& name, const std::string& subject,
                      const ChangeOptions& options, const Decide& decide);

/// "realtimegateway.sluice.dev/edge".
std::string full_name(const std::string& gateway);

}  // namespace sluice::cli
