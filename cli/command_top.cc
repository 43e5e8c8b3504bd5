#include <thread>

#include "cli/commands.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/top_rows.h"
#include "common/base/contract.h"

namespace sluice::cli {
namespace {

using kube::Json;

constexpr Duration kIntervalMin{100};

}  // namespace

Status run_top(Session& session, const Parsed& parsed) {
  const Result<Output> output = output_of(parsed);
  if (!output) return output.error();
  const Result<Duration> interval = duration_of(parsed, "interval", kIntervalMin);
  if (!interval) return interval.error();
  std::vector<TopRow> rows;
  if (!sort_rows(rows, parsed.text("sort-by"))) {
    return Error{ErrorCode::kInvalid,
                 "invalid argument \"" + parsed.text("sort-by") +
                     "\" for \"--sort-by\" flag: one of name, connections, messages, handshakes, memory is wanted"};
  }
  const Result<std::vector<Json>> gateways = get_gateways(session, parsed);
  if (!gateways) return gateways.error();
  const std::string selector =
      parsed.arguments.empty() ? std::string(kGatewayLabel) : gateway_selector(kube::name_of(gateways->front()));
  Result<Json> list = session.client.list(kube::kPods, session.ns, {.label_selector = selector});
  if (!list) return list.error();
  std::vector<kube::Object> pods;
  for (Json& item : (*list)["items"]) pods.push_back(std::make_shared<const Json>(std::move(item)));
  const LiveAnswer first = ask_pods(session.client, session.clock, pods);
  if (first.figures.empty() && !first.failure.empty())
    return Error{ErrorCode::kUnavailable, "no gateway answers: " + first.failure};
  std::this_thread::sleep_for(*interval);  // A rate is made of two looks some time apart.
  const LiveAnswer second = ask_pods(session.client, session.clock, pods);
  rows = top_rows(pods, first.figures, second.figures);
  sort_rows(rows, parsed.text("sort-by"));
  if (*output != Output::kTable) {
    print_object(session.terminal, top_json(rows), *output);
  } else if (rows.empty()) {
    std::fputs((nothing_found(session) + "\n").c_str(), stderr);
  } else {
    session.terminal.lines(render(top_table(rows, session.ns.empty()), session.terminal.look()));
  }
  if (!second.failure.empty())
    std::fputs(("warning: some pods do not answer: " + second.failure + "\n").c_str(), stderr);
  return Status::success();
}

}  // namespace sluice::cli
