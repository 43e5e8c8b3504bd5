#include <algorithm>

#include "cli/changes.h"
#include "cli/commands.h"

namespace sluice::cli {
namespace {

using kube::Json;

/// The gateway that a pod belongs to. One that is gone belongs to whoever still asks for it to be drained.
Result<std::string> owner_of(Session& session, const std::string& pod_name) {
  const Result<Json> pod = session.client.get(kube::kPods, session.ns, pod_name);
  if (pod) return gateway_of_pod(*pod);
  if (pod.error().code != ErrorCode::kNotFound) return pod.error();
  const Result<Json> gateways = session.client.list(kube::kRealtimeGateways, session.ns);
  if (!gateways) return gateways.error();
  for (const Json& gateway : (*gateways)["items"]) {
    if (!undrain_edit(gateway, pod_name).patch.is_null()) return std::string(kube::name_of(gateway));
  }
  return pod.error();
}

Status change_pods(Session& session, const Parsed& parsed, bool drain) {
  const Result<ChangeOptions> options = change_options(parsed);
  if (!options) return options.error();
  for (const std::string& word : parsed.arguments) {
    const Result<std::string> pod = pod_argument(word);
    if (!pod) return pod.error();
    const Result<std::string> gateway = owner_of(session, *pod);
    if (!gateway) return gateway.error();
    const Decide decide = [&](const Json& object) -> Result<Change> {
      Result<Edit> edit = drain ? drain_edit(object, *pod) : Result<Edit>(undrain_edit(object, *pod));
      if (!edit) return edit.error();
      return Change{.patch = std::move(edit->patch), .told = std::move(edit->told)};
    };
    const Status changed = change_gateway(session, *gateway, "pod/" + *pod, *options, decide);
    if (!changed) return changed;
  }
  return Status::success();
}

}  // namespace

Status run_drain(Session& session, const Parsed& parsed) {
  return change_pods(session, parsed, true);
}

Status run_undrain(Session& session, const Parsed& parsed) {
  return change_pods(session, parsed, false);
}

}  // namespace sluice::cli
