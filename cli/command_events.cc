#include <algorithm>
#include <mutex>

#include "cli/commands.h"
#include "cli/event_rows.h"
#include "cli/output.h"
#include "cli/waker.h"
#include "common/base/stop_signal.h"
#include "common/kube/informer.h"

namespace sluice::cli {
namespace {

using kube::Json;

struct Wanted {
  std::vector<std::string> types;     ///< All where it is empty.
  std::vector<std::string> gateways;  ///< By name.

  [[nodiscard]] bool matches(const Json& event) const {
    const std::string type = kube::text_at(event, "/type");
    if (!types.empty() && std::find(types.begin(), types.end(), type) == types.end()) return false;
    return concerns(event, gateways);
  }
};

Status show_once(Session& session, const Wanted& wanted, Output output) {
  Result<Json> list = session.client.list(kube::kEvents, session.ns);
  if (!list) return list.error();
  std::vector<Json> events;
  for (Json& item : (*list)["items"]) {
    if (wanted.matches(item)) events.push_back(std::move(item));
  }
  sort_events(events);
  if (output != Output::kTable) {
    for (Json& event : events) {
      event["apiVersion"] = "events.k8s.io/v1";
      event["kind"] = "Event";
    }
    print_object(session.terminal, list_of(std::move(events)), output);
  } else if (events.empty()) {
    std::fputs(
        (session.ns.empty() ? std::string("No events found.\n") : "No events found in " + session.ns + " namespace.\n")
            .c_str(),
        stderr);
  } else {
    session.terminal.lines(
        render(events_table(events, session.ns.empty(), session.clock.wall()), session.terminal.look()));
  }
  return Status::success();
}

/// Events that come, until the end. A handler may not block, so it only keeps them for the loop.
Status follow(Session& session, const Wanted& wanted) {
  Waker waker(*session.stop);
  std::mutex mutex;
  std::vector<Json> come;
  kube::Informer informer(session.client, session.clock, session.random, kube::kEvents,
                          {.ns = session.ns, .label_selector = {}, .field_selector = {}, .transform = {}}, nullptr);
  informer.add_handler([&](const kube::Object& before, const kube::Object& after) {
    if (!after || before == after || !wanted.matches(*after)) return;
    const std::lock_guard lock(mutex);
    come.push_back(*after);
    waker.wake();
  });
  informer.start();
  // What is there already is shown in one piece, in the order of time.
  const auto synced = [&] { return informer.synced(); };
  if (!waker.wait_until(synced, "the API server (watching Events)")) return Status::success();
  waker.wake();
  bool headed = false;
  while (waker.wait(Duration(60'000)) != Waker::Why::kStopped) {
    std::vector<Json> events;
    {
      const std::lock_guard lock(mutex);
      events.swap(come);
    }
    if (events.empty()) continue;
    sort_events(events);
    std::vector<std::string> lines =
        render(events_table(events, session.ns.empty(), session.clock.wall()), session.terminal.look());
    if (headed) lines.erase(lines.begin());
    headed = true;
    session.terminal.lines(lines);
    if (session.terminal.broken()) break;
  }
  informer.stop();
  return Status::success();
}

}  // namespace

Status run_events(Session& session, const Parsed& parsed) {
  const Result<Output> output = output_of(parsed);
  if (!output) return output.error();
  Wanted wanted;
  if (!parse_event_types(parsed.text("types"), wanted.types)) {
    return Error{ErrorCode::kInvalid, "valid --types are Normal or Warning"};
  }
  const Result<std::vector<Json>> gateways = get_gateways(session, parsed);
  if (!gateways) return gateways.error();
  for (const Json& gateway : *gateways) wanted.gateways.emplace_back(kube::name_of(gateway));
  if (!parsed.on("watch")) return show_once(session, wanted, *output);
  if (*output != Output::kTable)
    return Error{ErrorCode::kInvalid, "--watch shows a table only: leave out --output, or --watch"};
  return follow(session, wanted);
}

}  // namespace sluice::cli
