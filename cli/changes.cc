#include "cli/changes.h"

#include <thread>

namespace sluice::cli {

using kube::Json;

std::string full_name(const std::string& gateway) {
  return "realtimegateway.sluice.dev/" + gateway;
}

Result<ChangeOptions> change_options(const Parsed& parsed) {
  const Result<Output> output = output_of(parsed);
  if (!output) return output.error();
  const Result<bool> dry_run = dry_run_of(parsed);
  if (!dry_run) return dry_run.error();
  return ChangeOptions{*output, *dry_run};
}

Status change_gateway(Session& session, const std::string& name, const std::string& subject,
                      const ChangeOptions& options, const Decide& decide) {
  Json written;
  std::string told;
  const Status changed = kube::retry_on_conflict(
      [&]() -> Status {
        Result<Json> gateway = get_gateway(session, name);
        if (!gateway) return gateway.error();
        Result<Change> change = decide(*gateway);
        if (!change) return change.error();
        told = change->told;
        if (change->patch.is_null()) {
          written = *std::move(gateway);
          return Status::success();
        }
        Result<Json> patched =
            session.client.patch(kube::kRealtimeGateways, session.ns, name, change->type, change->patch,
                                 {.field_manager = kFieldManager, .dry_run = options.dry_run});
        if (!patched) return patched.error();
        written = *std::move(patched);
        return Status::success();
      },
      session.random, [](Duration time) { std::this_thread::sleep_for(time); });
  if (!changed) return changed;
  if (options.output == Output::kName) {
    session.terminal.write(full_name(name) + "\n");
  } else if (options.output == Output::kTable) {
    session.terminal.write(subject + " " + told + (options.dry_run ? " (server dry run)" : "") + "\n");
  } else {
    print_object(session.terminal, written, options.output);
  }
  return Status::success();
}

}  // namespace sluice::cli
