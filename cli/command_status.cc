#include <algorithm>
#include <map>
#include <set>

#include "cli/commands.h"
#include "cli/fleet.h"
#include "cli/live.h"
#include "cli/output.h"
#include "cli/status_text.h"
#include "cli/waker.h"
#include "common/base/contract.h"
#include "common/base/stop_signal.h"
#include "common/kube/informer.h"

namespace sluice::cli {
namespace {

using kube::Json;

constexpr Duration kIntervalMin{500};
/// Pods that do not drain, asked in one look of a watch: a fleet of thousands must not be read whole every two seconds.
constexpr std::size_t kOthersAskedMax = 48;
/// Frames are no closer together than this, however fast objects change.
constexpr Duration kFrameSpacing{200};
/// The API server has not been heard from for so long that the figures are stale: no bookmark, no event.
constexpr Duration kSilence{150'000};

std::vector<kube::Object> pods_of(const Json& gateway, const std::vector<kube::Object>& pods) {
  std::vector<kube::Object> own;
  std::copy_if(pods.begin(), pods.end(), std::back_inserter(own), [&](const kube::Object& pod) {
    return kube::namespace_of(*pod) == kube::namespace_of(gateway) && is_controlled_by(*pod, kube::uid_of(gateway));
  });
  return own;
}

std::string selector_of(const Parsed& parsed) {
  if (parsed.arguments.empty()) return kGatewayLabel;
  return gateway_selector(gateway_argument(parsed.arguments.front()).value());
}

/// One look, printed.
Status show_once(Session& session, const Parsed& parsed, Output output) {
  const Result<std::vector<Json>> gateways = get_gateways(session, parsed);
  if (!gateways) return gateways.error();
  if (gateways->empty() && output != Output::kJson && output != Output::kYaml) {
    std::fputs((nothing_found(session) + "\n").c_str(), stderr);
    return Status::success();
  }
  Result<Json> list = session.client.list(kube::kPods, session.ns, {.label_selector = selector_of(parsed)});
  if (!list) return list.error();
  std::vector<kube::Object> pods;
  for (Json& item : (*list)["items"]) pods.push_back(std::make_shared<const Json>(std::move(item)));
  const LiveAnswer live = ask_pods(session.client, session.clock, pods);
  const WallTime now = session.clock.wall();
  std::vector<Json> objects;
  for (const Json& gateway : *gateways) {
    const FleetView fleet = merge_fleet(gateway, pods_of(gateway, pods), live.figures, {}, now);
    if (output == Output::kJson || output == Output::kYaml) {
      objects.push_back(status_json(fleet));
      continue;
    }
    if (&gateway != &gateways->front()) session.terminal.write("\n");
    session.terminal.lines(status_lines(fleet, session.terminal.look(), output == Output::kWide, now));
  }
  if (output == Output::kJson || output == Output::kYaml) {
    const bool single = !parsed.arguments.empty();
    print_object(session.terminal, single ? objects.front() : list_of(std::move(objects)), output);
  }
  if (!live.failure.empty())
    std::fputs(("warning: some live figures are missing: " + live.failure + "\n").c_str(), stderr);
  return Status::success();
}

/// Looks again and again, at every change and every interval.
class Watch {
 public:
  Watch(Session& session, const Parsed& parsed, bool wide, Duration interval)
      : session_(session),
        wide_(wide),
        interval_(interval),
        waker_(*session.stop),
        gateways_(session.client, session.clock, session.random, kube::kRealtimeGateways,
                  gateway_options(session, parsed), nullptr),
        pods_(session.client, session.clock, session.random, kube::kPods,
              {.ns = session.ns, .label_selector = selector_of(parsed), .field_selector = {}, .transform = {}},
              nullptr) {
    const auto wake = [this](const kube::Object&, const kube::Object&) { waker_.wake(); };
    gateways_.add_handler(wake);
    pods_.add_handler(wake);
  }

  Status run() {
    gateways_.start();
    pods_.start();
    const auto synced = [this] { return gateways_.synced() && pods_.synced(); };
    if (!waker_.wait_until(synced, "the API server (watching RealtimeGateways and Pods)")) return Status::success();
    SteadyTime look_at = session_.clock.steady();
    for (;;) {
      if (session_.clock.steady() >= look_at) {
        ask();
        look_at = session_.clock.steady() + interval_;
      }
      show();
      if (session_.terminal.broken()) return Status::success();
      const auto left = std::chrono::ceil<Duration>(look_at - session_.clock.steady());
      const Waker::Why why = waker_.wait(std::max(left, Duration(0)));
      if (why == Waker::Why::kStopped) return Status::success();
      // Changes come in bursts: one frame shows them all.
      if (why == Waker::Why::kWoken && session_.stop->wait_for(std::min(kFrameSpacing, std::max(left, Duration(0))))) {
        return Status::success();
      }
    }
  }

 private:
  static kube::Informer::Options gateway_options(const Session& session, const Parsed& parsed) {
    kube::Informer::Options options{.ns = session.ns, .label_selector = {}, .field_selector = {}, .transform = {}};
    if (!parsed.arguments.empty())
      options.field_selector = "metadata.name=" + gateway_argument(parsed.arguments.front()).value();
    return options;
  }

  void ask() {
    const std::vector<kube::Object> all = pods_.list();
    const LiveAnswer answer = ask_pods(session_.client, session_.clock, whom_to_ask(all, kOthersAskedMax, cursor_));
    failure_ = answer.failure;
    std::set<std::string> uids;
    for (const kube::Object& pod : all) {
      const std::string uid(kube::uid_of(*pod));
      uids.insert(uid);
      const auto figure = answer.figures.find(uid);
      if (figure == answer.figures.end()) continue;
      live_[uid] = figure->second;
      const bool drains = !kube::annotation_of(*pod, kDrainAnnotation).empty();
      if (drains) memory_.note(uid, figure->second.metrics.connections, figure->second.at);
    }
    std::erase_if(live_, [&](const auto& entry) { return !uids.contains(entry.first); });
    memory_.keep(uids);
  }

  std::map<std::string, FleetView> look() {
    std::map<std::string, FleetView> fleets;
    const std::vector<kube::Object> pods = pods_.list();
    for (const kube::Object& gateway : gateways_.list()) {
      fleets[kube::key_of(*gateway)] =
          merge_fleet(*gateway, pods_of(*gateway, pods), live_, memory_, session_.clock.wall());
    }
    return fleets;
  }

  void show() {
    std::map<std::string, FleetView> fleets = look();
    if (session_.terminal.can_redraw()) {
      draw(fleets);
    } else {
      append(fleets);
    }
    shown_ = std::move(fleets);
  }

  void draw(const std::map<std::string, FleetView>& fleets) {
    const Look look = session_.terminal.look();
    // The last line of a terminal is where its cursor stands.
    const int height = session_.terminal.height() > 4 ? session_.terminal.height() - 2 : 0;
    std::vector<std::string> lines;
    for (const auto& [key, fleet] : fleets) {
      if (!lines.empty()) lines.emplace_back();
      const int left = height == 0 ? 0 : height - static_cast<int>(lines.size());
      if (height > 0 && left < 3) break;
      const auto more = status_lines(fleet, look, wide_, session_.clock.wall(), left);
      lines.insert(lines.end(), more.begin(), more.end());
    }
    if (fleets.empty()) lines.push_back(nothing_found(session_));
    if (session_.clock.steady() - gateways_.last_contact() > kSilence) {
      lines.push_back(
          paint("the API server has not been heard from for a while: this may be old", Tone::kBad, look.colors));
    } else if (!failure_.empty()) {
      lines.push_back(paint("some live figures are missing: " + failure_, Tone::kFaint, look.colors));
    }
    session_.terminal.frame(lines);
  }

  void append(const std::map<std::string, FleetView>& fleets) {
    const WallTime now = session_.clock.wall();
    for (const auto& [key, fleet] : fleets) {
      const auto before = shown_.find(key);
      if (before == shown_.end()) {
        session_.terminal.lines(status_lines(fleet, session_.terminal.look(), wide_, now));
      } else {
        session_.terminal.lines(status_changes(before->second, fleet, now));
      }
    }
    for (const auto& [key, fleet] : shown_) {
      if (!fleets.contains(key)) session_.terminal.lines({key + " is gone"});
    }
  }

  Session& session_;
  const bool wide_;
  const Duration interval_;
  Waker waker_;
  LiveFigures live_;  ///< By UID; the newest of each.
  DrainMemory memory_;
  std::size_t cursor_ = 0;
  std::string failure_;
  std::map<std::string, FleetView> shown_;
  kube::Informer gateways_;  // Last: their threads use what stands above.
  kube::Informer pods_;
};

}  // namespace

Status run_status(Session& session, const Parsed& parsed) {
  const Result<Output> output = output_of(parsed);
  if (!output) return output.error();
  if (!parsed.arguments.empty()) {
    if (const auto name = gateway_argument(parsed.arguments.front()); !name) return name.error();
  }
  if (!parsed.on("watch")) return show_once(session, parsed, *output);
  if (*output == Output::kJson || *output == Output::kYaml) {
    return Error{ErrorCode::kInvalid, "--watch shows tables only: leave out --output, or --watch"};
  }
  const Result<Duration> interval = duration_of(parsed, "interval", kIntervalMin);
  if (!interval) return interval.error();
  // Who does not exist, or may not be seen, is told now and not waited for.
  const Result<std::vector<Json>> there = get_gateways(session, parsed);
  if (!there) return there.error();
  const Result<Json> pods =
      session.client.list(kube::kPods, session.ns, {.label_selector = selector_of(parsed), .resource_version = "0"});
  if (!pods) return pods.error();
  return Watch(session, parsed, *output == Output::kWide, *interval).run();
}

}  // namespace sluice::cli
