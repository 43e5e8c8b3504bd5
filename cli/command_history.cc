#include <algorithm>

#include "cli/commands.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/revisions.h"
#include "cli/yaml.h"
#include "common/base/contract.h"

namespace sluice::cli {
namespace {

using kube::Json;

constexpr std::int64_t kRevisionMax = 1'000'000'000;

}  // namespace

Status run_history(Session& session, const Parsed& parsed) {
  const Result<Output> output = output_of(parsed);
  if (!output) return output.error();
  const auto number = whole_number(parsed.text("revision"), kRevisionMax);
  if (!number)
    return Error{ErrorCode::kInvalid, "invalid argument \"" + parsed.text("revision") +
                                          "\" for \"--revision\" flag: the number of a revision is wanted"};
  const Result<Json> gateway = get_one_gateway(session, parsed);
  if (!gateway) return gateway.error();
  const std::string name(kube::name_of(*gateway));
  Result<Json> list =
      session.client.list(kube::kControllerRevisions, session.ns, {.label_selector = gateway_selector(name)});
  if (!list) return list.error();
  std::vector<Json> objects;
  for (Json& item : (*list)["items"]) objects.push_back(std::move(item));
  const std::vector<RevisionView> revisions = revisions_of(*gateway, objects);
  if (*number > 0) {
    const Result<RevisionView> revision = choose_revision(*gateway, revisions, *number);
    if (!revision) return revision.error();
    const Json shown{{"revision", revision->number},
                     {"hash", revision->hash},
                     {"image", revision->image},
                     {"template", revision->pod_template}};
    print_object(session.terminal, shown, *output == Output::kTable ? Output::kYaml : *output);
    return Status::success();
  }
  if (*output != Output::kTable) {
    std::erase_if(objects, [&](const Json& object) { return revisions_of(*gateway, {object}).empty(); });
    std::sort(objects.begin(), objects.end(), [](const Json& a, const Json& b) {
      return kube::integer_at(a, "/revision", 0) < kube::integer_at(b, "/revision", 0);
    });
    for (Json& object : objects) {
      object["apiVersion"] = "apps/v1";
      object["kind"] = "ControllerRevision";
    }
    print_object(session.terminal, list_of(std::move(objects)), *output);
    return Status::success();
  }
  session.terminal.lines(render(history_table(*gateway, revisions, session.clock.wall()), session.terminal.look()));
  return Status::success();
}

}  // namespace sluice::cli
