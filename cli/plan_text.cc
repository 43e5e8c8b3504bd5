#include "cli/plan_text.h"

#include <algorithm>

#include "cli/numbers.h"
#include "cli/text_width.h"
#include "common/base/duration_text.h"

namespace sluice::cli {
namespace {

using kube::integer_at;
using kube::Json;
using kube::text_at;

std::string duration_at(const Json& json, const char* pointer) {
  const auto time = parse_duration(text_at(json, pointer));
  return time ? human_duration(*time) : "?";
}

double number_at(const Json& json, const char* pointer) {
  const Json& value = kube::at_pointer(json, pointer);
  return value.is_number() ? value.get<double>() : 0;
}

std::string count_at(const Json& json, const char* pointer) {
  const Json& value = kube::at_pointer(json, pointer);
  return value.is_number_integer() ? grouped(value.get<std::int64_t>()) : "?";
}

std::string plural(std::int64_t count, const char* what) {
  return grouped(count) + " " + what + (count == 1 ? "" : "s");
}

std::vector<Cell> drain_row(const Json& drain, std::size_t number) {
  const bool running = kube::bool_at(drain, "/running", false);
  const std::string outcome = text_at(drain, "/outcome", "does not end");
  const std::string cut =
      integer_at(drain, "/cutByDeadline", 0) > 0 ? ", cuts " + count_at(drain, "/cutByDeadline") : "";
  std::string next = text_at(drain, "/runnerUp", "-");
  if (next != "-" && drain.contains("runnerUpCost")) next += " (" + count_at(drain, "/runnerUpCost") + ")";
  return {{std::to_string(number)},
          {printable(text_at(drain, "/pod")), Tone::kStrong},
          {printable(text_at(drain, "/reason"))},
          {drain.contains("connections") ? count_at(drain, "/connections") : "?"},
          {drain.contains("cost") ? count_at(drain, "/cost") : "-"},
          {running ? "running" : duration_at(drain, "/beginsAfter")},
          {drain.contains("takes") ? duration_at(drain, "/takes") : "-"},
          {number_at(drain, "/rate") > 0 ? rate_text(number_at(drain, "/rate")) : "-"},
          {printable(outcome + cut), outcome == "drained" ? Tone::kPlain : Tone::kBad},
          {printable(next), Tone::kFaint}};
}

void add_drains(const Json& plan, const Look& look, std::vector<std::string>& lines) {
  const Json& drains = kube::at_pointer(plan, "/drains");
  if (!drains.is_array() || drains.empty()) return;
  Table table{.columns = {{.name = "#", .right = true},
                          {.name = "POD"},
                          {.name = "REASON"},
                          {.name = "CONNECTIONS", .right = true},
                          {.name = "COST", .right = true},
                          {.name = "AFTER", .right = true},
                          {.name = "TAKES", .right = true},
                          {.name = "RATE", .right = true},
                          {.name = "OUTCOME"},
                          {.name = "RUNNER-UP (COST)", .width_min = 8}},
              .rows = {}};
  for (const Json& drain : drains) table.rows.push_back(drain_row(drain, table.rows.size() + 1));
  lines.emplace_back();
  const auto rendered = render(table, look);
  lines.insert(lines.end(), rendered.begin(), rendered.end());
  const auto all = integer_at(plan, "/drainCount", 0);
  if (all > static_cast<std::int64_t>(drains.size()))
    lines.push_back("(the first " + std::to_string(drains.size()) + " of " + grouped(all) + ")");
  lines.emplace_back();
}

std::string names_at(const Json& plan, const char* pointer) {
  const Json& list = kube::at_pointer(plan, pointer);
  std::string names;
  if (!list.is_array()) return names;
  for (const Json& name : list) {
    if (name.is_string()) names += (names.empty() ? "" : ", ") + printable(name.get<std::string>());
  }
  return names;
}

/// "Duration   2m10s in 3 rounds ...".
void say(const char* what, const std::string& text, Tone tone, const Look& look, std::vector<std::string>& lines) {
  lines.push_back(paint(pad(what, 11), tone, look.colors) + text);
}

void add_duration(const Json& plan, const Look& look, std::vector<std::string>& lines) {
  const auto drains = integer_at(plan, "/drainCount", 0);
  const bool complete = kube::bool_at(plan, "/complete", false);
  if (drains == 0) return;
  say("Duration",
      std::string(complete ? "about " : "more than ") + duration_at(plan, "/duration") + " for " +
          plural(drains, "drain") + " in " + plural(integer_at(plan, "/rounds", 0), "round") + " (" +
          count_at(plan, "/maxConcurrentDrains") + " at once; each: propagation " + text_at(plan, "/propagationDelay") +
          ", at least " + text_at(plan, "/hintJitter") + " of hints, " + text_at(plan, "/timeout") + " at most)",
      Tone::kStrong, look, lines);
  const auto cut = integer_at(plan, "/connectionsCut", 0);
  say("Moves",
      plural(integer_at(plan, "/connectionsMoved", 0), "connection") +
          (cut > 0 ? ", of which deadlines cut " + grouped(cut) + " beyond the budget" : ""),
      cut > 0 ? Tone::kBad : Tone::kStrong, look, lines);
}

void add_capacity(const Json& plan, const Look& look, std::vector<std::string>& lines) {
  say("Budget",
      rate_text(number_at(plan, "/budget/perSecondNow")) +
          " now: " + rate_text(number_at(plan, "/budget/perSecondPerReceiver")) + " for each of " +
          plural(integer_at(plan, "/capacity/receiversNow", 0), "receiver") + ", at most " +
          rate_text(number_at(plan, "/budget/perSecondMax")),
      Tone::kStrong, look, lines);
  const auto receivers = integer_at(plan, "/capacity/receiversAfter", 0);
  if (receivers == 0) {
    say("Headroom", "no pod would be left to take connections over", Tone::kBad, look, lines);
    return;
  }
  const auto headroom = integer_at(plan, "/capacity/headroom", 0);
  char percent[32];
  std::snprintf(percent, sizeof percent, "%.1f%%", number_at(plan, "/capacity/usedPercentAfter"));
  say("Headroom",
      count_at(plan, "/capacity/perPodAfter") + " connections on each of " + plural(receivers, "pod") +
          " afterwards, " + percent + " of " + count_at(plan, "/capacity/connectionsPerPod") + "; the guard (" +
          count_at(plan, "/capacity/guardPercent") + "%) " +
          (headroom >= 0 ? "leaves room for " + grouped(headroom) + " more" : "is passed by " + grouped(-headroom)),
      headroom >= 0 ? Tone::kGood : Tone::kBad, look, lines);
}

}  // namespace

std::vector<std::string> plan_lines(const Json& plan, const Look& look) {
  std::vector<std::string> lines;
  const std::string name = printable(text_at(plan, "/namespace") + "/" + text_at(plan, "/name"));
  lines.push_back(
      paint(name + ": " + count_at(plan, "/replicas/spec") + " -> " + count_at(plan, "/replicas/asked") + " replicas",
            Tone::kStrong, look.colors) +
      "  (" + count_at(plan, "/replicas/serving") + " serve now, " + count_at(plan, "/replicas/draining") + " drain)");
  add_drains(plan, look, lines);
  if (const std::string names = names_at(plan, "/takenBack"); !names.empty())
    say("Takes back", names + " (drain ends, the pod serves again)", Tone::kStrong, look, lines);
  if (const std::string names = names_at(plan, "/deleted"); !names.empty())
    say("Deletes", names + " (nothing to move)", Tone::kStrong, look, lines);
  if (const auto made = integer_at(plan, "/created", 0); made > 0)
    say("Makes", plural(made, "pod"), Tone::kStrong, look, lines);
  if (integer_at(plan, "/drainCount", 0) == 0 && names_at(plan, "/takenBack").empty() &&
      names_at(plan, "/deleted").empty() && integer_at(plan, "/created", 0) == 0) {
    say("Nothing", "no pod would go and none be made", Tone::kStrong, look, lines);
  }
  add_duration(plan, look, lines);
  add_capacity(plan, look, lines);
  for (const Json& block : kube::at_pointer(plan, "/blockedBy")) {
    if (block.is_string()) say("Blocked", printable(block.get<std::string>()), Tone::kBad, look, lines);
  }
  for (const Json& note : kube::at_pointer(plan, "/notes")) {
    if (note.is_string()) say("Note", printable(note.get<std::string>()), Tone::kBusy, look, lines);
  }
  std::string known =
      "at " + text_at(plan, "/at") + ", states at most " + duration_at(plan, "/knowledge/oldestState") + " old";
  if (const auto unheard = integer_at(plan, "/knowledge/podsUnheard", 0); unheard > 0)
    known += ", " + plural(unheard, "pod") + " never heard";
  if (const auto failing = integer_at(plan, "/knowledge/podsFailing", 0); failing > 0)
    known += ", " + plural(failing, "pod") + " not answering";
  say("Known", known, Tone::kFaint, look, lines);
  return lines;
}

Json plan_json(Json plan, const std::string& answered_by) {
  plan["apiVersion"] = "cli.sluice.dev/v1alpha1";
  plan["kind"] = "FleetPlan";
  plan["answeredBy"] = answered_by;
  return plan;
}

}  // namespace sluice::cli
