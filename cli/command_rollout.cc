// pause, resume, promote and rollback: what steers a rollout.
#include "cli/changes.h"
#include "cli/commands.h"
#include "cli/numbers.h"
#include "cli/revisions.h"
#include "common/base/contract.h"

namespace sluice::cli {
namespace {

using kube::Json;

constexpr std::int64_t kRevisionMax = 1'000'000'000;

Result<Change> change_of(Result<Edit> edit) {
  if (!edit) return edit.error();
  return Change{.patch = std::move(edit->patch), .told = std::move(edit->told)};
}

Status change_named(Session& session, const Parsed& parsed, const Decide& decide) {
  const Result<ChangeOptions> options = change_options(parsed);
  if (!options) return options.error();
  const Result<std::string> name = gateway_argument(parsed.arguments.front());
  if (!name) return name.error();
  return change_gateway(session, *name, full_name(*name), *options, decide);
}

Result<Change> rollback_change(Session& session, const Json& gateway, std::int64_t number) {
  const std::string name(kube::name_of(gateway));
  Result<Json> list =
      session.client.list(kube::kControllerRevisions, session.ns, {.label_selector = gateway_selector(name)});
  if (!list) return list.error();
  std::vector<Json> objects;
  for (Json& item : (*list)["items"]) objects.push_back(std::move(item));
  const Result<RevisionView> revision = choose_revision(gateway, revisions_of(gateway, objects), number);
  if (!revision) return revision.error();
  const std::string which = "revision " + std::to_string(revision->number) + " (" + revision->hash + ")";
  if (revision->pod_template == kube::at_pointer(gateway, "/spec/template")) {
    return Change{.patch = Json(), .told = "skipped rollback (current template already matches " + which + ")"};
  }
  std::string told = "rolled back to " + which;
  if (kube::bool_at(gateway, "/spec/paused", false))
    told += "; spec.paused holds it until `kubectl rtgw resume " + name + "`";
  return Change{.type = kube::PatchType::kJson, .patch = rollback_patch(gateway, *revision), .told = told};
}

}  // namespace

Status run_pause(Session& session, const Parsed& parsed) {
  return change_named(session, parsed, [](const Json& gateway) { return change_of(pause_edit(gateway, true)); });
}

Status run_resume(Session& session, const Parsed& parsed) {
  return change_named(session, parsed, [](const Json& gateway) { return change_of(pause_edit(gateway, false)); });
}

Status run_promote(Session& session, const Parsed& parsed) {
  return change_named(session, parsed, [](const Json& gateway) { return change_of(promote_edit(gateway)); });
}

Status run_rollback(Session& session, const Parsed& parsed) {
  const auto number = whole_number(parsed.text("to-revision"), kRevisionMax);
  if (!number) {
    return Error{ErrorCode::kInvalid, "invalid argument \"" + parsed.text("to-revision") +
                                          "\" for \"--to-revision\" flag: the number of a revision is wanted"};
  }
  return change_named(session, parsed, [&](const Json& gateway) { return rollback_change(session, gateway, *number); });
}

}  // namespace sluice::cli
