#include "cli/status_text.h"

#include <algorithm>
#include <cmath>

#include "cli/numbers.h"
#include "cli/text_width.h"
#include "common/base/contract.h"
#include "common/base/duration_text.h"

namespace sluice::cli {
namespace {

using kube::Json;

constexpr int kBarMax = 24;
constexpr int kBarMin = 6;
/// Terminals narrower than this get no bar.
constexpr int kBarWidthLeast = 70;

Tone tone_of(const PodView& pod) {
  if (pod.drain) return Tone::kBusy;
  if (pod.state == kStateActive && pod.ready) return Tone::kGood;
  if (pod.state == kStateGray || pod.state == kStateActive || pod.state == "Pending" ||
      pod.state == "ContainerCreating" || pod.state == "Terminating") {
    return Tone::kBusy;
  }
  return Tone::kBad;
}

std::string state_text(const PodView& pod) {
  if (pod.state == kStateActive && !pod.traffic) return "active (no traffic)";
  if (pod.asked_to_go && !pod.drain) return pod.state + " (to drain)";
  return pod.state;
}

std::string percent_text(double done) {
  return std::to_string(static_cast<int>(std::floor(done * 100))) + "%";
}

/// "Evicting █████░░░  62%", "Propagating", "".
std::string drain_text(const PodView& pod, int bar_width, bool unicode) {
  if (!pod.drain) return "-";
  const auto done = pod.drain->done();
  if (!done || pod.drain->phase == "Propagating") return pod.drain->phase;
  std::string text = pod.drain->phase + " ";
  if (bar_width > 0) text += bar(*done, bar_width, unicode) + " ";
  return text + pad(percent_text(*done), 4, true);
}

std::string rate_of(const PodView& pod) {
  if (!pod.drain) return "-";
  const double rate = pod.drain->measured.value_or(pod.drain->granted);
  return rate > 0 ? rate_text(rate) : "-";
}

std::string eta_of(const PodView& pod) {
  return pod.drain && pod.drain->eta ? human_duration(std::chrono::ceil<std::chrono::seconds>(*pod.drain->eta)) : "-";
}

int bar_width_for(const Look& look) {
  if (look.width == 0) return kBarMax;
  if (look.width < kBarWidthLeast) return 0;
  return std::clamp(look.width - 110, kBarMin, kBarMax);
}

Table table_of(const FleetView& fleet, const Look& look, bool wide, WallTime now) {
  Table table;
  table.columns = {{.name = "POD"},
                   {.name = "STATE"},
                   {.name = "READY"},
                   {.name = "CONNS", .right = true},
                   {.name = "DRAIN"},
                   {.name = "RATE", .right = true},
                   {.name = "ETA", .right = true},
                   {.name = "REVISION", .width_min = 5},
                   {.name = "NODE", .width_min = 8},
                   {.name = "AGE"}};
  if (wide) {
    table.columns.push_back({.name = "REASON"});
    table.columns.push_back({.name = "DEADLINE"});
  }
  const int width = bar_width_for(look);
  for (const PodView& pod : fleet.pods) {
    std::vector<Cell> row = {
        {printable(pod.name)},
        {printable(state_text(pod)), tone_of(pod)},
        {pod.ready ? "yes" : "no", pod.ready ? Tone::kPlain : Tone::kBusy},
        {pod.connections ? short_count(*pod.connections) : "?"},
        {printable(drain_text(pod, width, look.unicode)), pod.drain ? Tone::kBusy : Tone::kFaint},
        {rate_of(pod)},
        {eta_of(pod)},
        {printable(pod.revision), pod.updated ? Tone::kPlain : Tone::kFaint},
        {printable(pod.node.empty() ? "<none>" : pod.node)},
        {age_of(pod.created, now)},
    };
    if (wide) {
      row.push_back({pod.drain ? printable(pod.drain->reason) : "-"});
      row.push_back({pod.drain && pod.drain->deadline ? format_rfc3339(*pod.drain->deadline) : "-"});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// The counts; `connections` moves all the time.
std::string headline(const FleetView& fleet, bool connections = true) {
  const char* dot = ", ";
  std::string text = std::to_string(fleet.wanted) + " wanted" + dot + std::to_string(fleet.serving) + " serving" + dot +
                     std::to_string(fleet.ready) + " ready" + dot + std::to_string(fleet.updated) + " updated";
  if (fleet.draining > 0) text += std::string(dot) + std::to_string(fleet.draining) + " draining";
  if (connections) text += std::string(dot) + fleet.connections + " connections";
  if (!fleet.rollout.empty() && fleet.rollout != "Complete") text += std::string(dot) + "rollout " + fleet.rollout;
  return text;
}

/// A sentence over as many lines as it needs, the next ones indented.
void wrap(const std::string& head, const std::string& text, Tone tone, const Look& look,
          std::vector<std::string>& lines) {
  constexpr int kIndent = 20;
  const int width = look.width == 0 ? 0 : std::max(20, look.width - kIndent);
  std::string line;
  bool first = true;
  const auto flush = [&] {
    const std::string left = pad(first ? fit(head, kIndent - 1, look.unicode) : "", kIndent);
    lines.push_back(paint(left, tone, look.colors) + line);
    first = false;
    line.clear();
  };
  const std::string clean = printable(text);
  std::size_t at = 0;
  while (at < clean.size()) {
    auto end = clean.find(' ', at);
    if (end == std::string::npos) end = clean.size();
    std::string word = clean.substr(at, end - at);
    at = end + 1;
    if (width > 0) word = fit(word, width, look.unicode);
    if (width > 0 && !line.empty() && display_width(line) + 1 + display_width(word) > width) flush();
    line += (line.empty() ? "" : " ") + word;
  }
  flush();
}

std::string condition_text(const ConditionView& condition, WallTime now) {
  const auto since = parse_rfc3339(condition.since);
  return condition.reason + ": " + condition.message + (since ? " (for " + human_duration(now - *since) + ")" : "");
}

std::vector<std::string> head_lines(const FleetView& fleet, const Look& look, WallTime now) {
  std::vector<std::string> lines;
  const std::string title = fleet.ns + "/" + fleet.name;
  const std::string head = printable(title + "  " + headline(fleet));
  lines.push_back(paint(look.width > 0 ? fit(head, look.width, look.unicode) : head, Tone::kStrong, look.colors));
  if (!fleet.observed)
    wrap("  Behind", "the operator has not looked at the present spec yet", Tone::kBusy, look, lines);
  for (const ConditionView& condition : fleet.conditions) {
    const Tone tone = condition.bad ? Tone::kBad : condition.reason == "AtTarget" ? Tone::kGood : Tone::kBusy;
    wrap("  " + condition.type, condition_text(condition, now), tone, look, lines);
  }
  for (const std::string& note : fleet.notes) wrap("  Note", note, Tone::kBusy, look, lines);
  return lines;
}

/// Lines by pod without the last column, which is the age.
std::vector<std::string> plain_rows(const FleetView& fleet) {
  Table table = table_of(fleet, {}, false, WallTime{});
  table.columns.pop_back();
  return render(table, {});
}

}  // namespace

std::vector<std::string> status_lines(const FleetView& fleet, const Look& look, bool wide, WallTime now, int height) {
  std::vector<std::string> lines = head_lines(fleet, look, now);
  if (fleet.pods.empty()) {
    lines.emplace_back("  no pods");
    return lines;
  }
  lines.emplace_back();
  const std::vector<std::string> rows = render(table_of(fleet, look, wide, now), look);
  lines.insert(lines.end(), rows.begin(), rows.end());
  if (height > 1 && lines.size() > static_cast<std::size_t>(height)) {
    const auto left_out = lines.size() - static_cast<std::size_t>(height) + 1;
    lines.resize(static_cast<std::size_t>(height) - 1);
    lines.push_back(paint("and " + std::to_string(left_out) + " lines more", Tone::kFaint, look.colors));
  }
  return lines;
}

std::vector<std::string> status_changes(const FleetView& before, const FleetView& fleet, WallTime now) {
  std::vector<std::string> lines;
  const auto told = [](const FleetView& view) {
    std::vector<std::string> all{headline(view, false)};
    for (const ConditionView& condition : view.conditions)
      all.push_back(condition.type + condition.reason + condition.message);
    all.insert(all.end(), view.notes.begin(), view.notes.end());
    return all;
  };
  if (told(before) != told(fleet)) lines = head_lines(fleet, {}, now);
  const std::vector<std::string> old_rows = plain_rows(before);
  const std::vector<std::string> new_rows = plain_rows(fleet);
  for (std::size_t i = 1; i < new_rows.size(); ++i) {
    if (std::find(old_rows.begin(), old_rows.end(), new_rows[i]) == old_rows.end()) lines.push_back(new_rows[i]);
  }
  for (const PodView& pod : before.pods) {
    const bool stays =
        std::any_of(fleet.pods.begin(), fleet.pods.end(), [&](const PodView& p) { return p.uid == pod.uid; });
    if (!stays) lines.push_back(printable(pod.name) + " is gone");
  }
  return lines;
}

Json status_json(const FleetView& fleet) {
  Json pods = Json::array();
  for (const PodView& pod : fleet.pods) {
    Json entry{{"name", pod.name},         {"uid", pod.uid},         {"state", pod.state},
               {"revision", pod.revision}, {"updated", pod.updated}, {"ready", pod.ready},
               {"traffic", pod.traffic},   {"node", pod.node},       {"creationTimestamp", pod.created}};
    if (pod.connections) entry["connections"] = std::llround(*pod.connections);
    if (pod.drain) {
      const DrainView& drain = *pod.drain;
      Json view{{"reason", drain.reason}, {"phase", drain.phase}, {"ratePerSecond", drain.granted}};
      if (drain.initial) view["initial"] = std::llround(*drain.initial);
      if (drain.remaining) view["remaining"] = std::llround(*drain.remaining);
      if (drain.measured) view["measuredPerSecond"] = std::round(*drain.measured * 10) / 10;
      if (const auto done = drain.done()) view["percent"] = static_cast<int>(std::floor(*done * 100));
      if (drain.eta) view["eta"] = format_duration(std::chrono::ceil<std::chrono::seconds>(*drain.eta));
      if (drain.deadline) view["deadline"] = format_rfc3339(*drain.deadline);
      entry["drain"] = std::move(view);
    }
    pods.push_back(std::move(entry));
  }
  Json conditions = Json::array();
  for (const ConditionView& condition : fleet.conditions) {
    conditions.push_back({{"type", condition.type},
                          {"reason", condition.reason},
                          {"message", condition.message},
                          {"since", condition.since},
                          {"attention", condition.bad}});
  }
  return {{"apiVersion", "cli.sluice.dev/v1alpha1"},
          {"kind", "FleetStatus"},
          {"metadata", {{"namespace", fleet.ns}, {"name", fleet.name}}},
          {"replicas",
           {{"wanted", fleet.wanted},
            {"serving", fleet.serving},
            {"ready", fleet.ready},
            {"updated", fleet.updated},
            {"draining", fleet.draining}}},
          {"connections", fleet.connections},
          {"rollout", fleet.rollout},
          {"updateRevision", fleet.update_revision},
          {"conditions", std::move(conditions)},
          {"notes", fleet.notes},
          {"pods", std::move(pods)}};
}

}  // namespace sluice::cli
