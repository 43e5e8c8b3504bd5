#include "cli/commands.h"
#include "cli/leader.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/plan_text.h"

namespace sluice::cli {
namespace {

/// As many as the schema takes.
constexpr std::int64_t kReplicasMax = 10'000;

}  // namespace

Status run_plan(Session& session, const Parsed& parsed) {
  const Result<Output> output = output_of(parsed);
  if (!output) return output.error();
  std::optional<std::int64_t> replicas;
  if (parsed.has("replicas")) {
    replicas = whole_number(parsed.text("replicas"), kReplicasMax);
    if (!replicas) {
      return Error{ErrorCode::kInvalid, "invalid argument \"" + parsed.text("replicas") +
                                            "\" for \"--replicas\" flag: a whole number from 0 to " +
                                            std::to_string(kReplicasMax) + " is wanted"};
    }
  }
  const Result<kube::Json> gateway = get_one_gateway(session, parsed);
  if (!gateway) return gateway.error();
  const Result<LeaderAnswer> answer = ask_leader(session, parsed.text("operator-namespace"), session.ns,
                                                 std::string(kube::name_of(*gateway)), replicas);
  if (!answer) return answer.error();
  if (*output != Output::kTable) {
    print_object(session.terminal, plan_json(answer->plan, answer->pod), *output);
    return Status::success();
  }
  session.terminal.lines(plan_lines(answer->plan, session.terminal.look()));
  if (replicas) {
    session.terminal.write("Nothing has been changed. To do it: kubectl scale rtgw/" +
                           std::string(kube::name_of(*gateway)) + " --namespace " + session.ns + " --replicas " +
                           std::to_string(*replicas) + "\n");
  }
  return Status::success();
}

}  // namespace sluice::cli
