#include "cli/event_rows.h"

#include <algorithm>

#include "cli/numbers.h"
#include "cli/text_width.h"
#include "common/base/duration_text.h"
#include "common/base/text.h"

namespace sluice::cli {
namespace {

using kube::Json;

/// Of `<gateway>-` and five letters or digits, as the operator names pods.
bool is_pod_name_of(std::string_view name, std::string_view gateway) {
  constexpr std::size_t kSuffix = 5;
  if (name.size() != gateway.size() + 1 + kSuffix || name.substr(0, gateway.size()) != gateway) return false;
  if (name[gateway.size()] != '-') return false;
  const std::string_view suffix = name.substr(gateway.size() + 1);
  return suffix.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string_view::npos;
}

/// Services and budgets carry the gateway's name, some with a word behind it.
bool is_beside(std::string_view kind, std::string_view name, std::string_view gateway) {
  if (kind != "Service" && kind != "PodDisruptionBudget" && kind != "ConfigMap") return false;
  return name == gateway || name == std::string(gateway) + "-draining" || name == std::string(gateway) + "-admin-keys";
}

std::int64_t count_of(const Json& event) {
  return std::max(
      {kube::integer_at(event, "/series/count", 1), kube::integer_at(event, "/deprecatedCount", 1), std::int64_t{1}});
}

std::string object_of(const Json& event) {
  return lower(kube::text_at(event, "/regarding/kind")) + "/" + kube::text_at(event, "/regarding/name");
}

}  // namespace

bool concerns(const Json& event, const std::vector<std::string>& gateways) {
  const std::string kind = kube::text_at(event, "/regarding/kind");
  const std::string name = kube::text_at(event, "/regarding/name");
  return std::any_of(gateways.begin(), gateways.end(), [&](const std::string& gateway) {
    if (kind == "RealtimeGateway") return name == gateway;
    if (kind == "Pod") return is_pod_name_of(name, gateway);
    return is_beside(kind, name, gateway);
  });
}

std::string last_seen(const Json& event) {
  for (const char* where :
       {"/series/lastObservedTime", "/deprecatedLastTimestamp", "/eventTime", "/metadata/creationTimestamp"}) {
    if (std::string time = kube::text_at(event, where); !time.empty()) return time;
  }
  return {};
}

void sort_events(std::vector<Json>& events) {
  // As times, not as texts: some have fractions of a second.
  const auto time_of = [](const Json& event) { return parse_rfc3339(last_seen(event)).value_or(WallTime{}); };
  std::stable_sort(events.begin(), events.end(), [&](const Json& a, const Json& b) {
    const auto time_a = time_of(a);
    const auto time_b = time_of(b);
    return time_a != time_b ? time_a < time_b : kube::name_of(a) < kube::name_of(b);
  });
}

Table events_table(const std::vector<Json>& events, bool with_namespace, WallTime now) {
  Table table{.columns = {{.name = "LAST SEEN"},
                          {.name = "TYPE"},
                          {.name = "REASON"},
                          {.name = "OBJECT"},
                          {.name = "MESSAGE", .width_min = 20}},
              .rows = {}};
  if (with_namespace) table.columns.insert(table.columns.begin(), {.name = "NAMESPACE"});
  for (const Json& event : events) {
    const std::int64_t count = count_of(event);
    const bool warning = kube::text_at(event, "/type") == "Warning";
    std::string seen = age_of(last_seen(event), now);
    if (count > 1) seen += " (x" + std::to_string(count) + ")";
    std::vector<Cell> row = {{seen},
                             {printable(kube::text_at(event, "/type")), warning ? Tone::kBad : Tone::kPlain},
                             {printable(kube::text_at(event, "/reason"))},
                             {printable(object_of(event))},
                             {printable(kube::text_at(event, "/note"))}};
    if (with_namespace) row.insert(row.begin(), {std::string(kube::namespace_of(event))});
    table.rows.push_back(std::move(row));
  }
  return table;
}

bool parse_event_types(std::string_view text, std::vector<std::string>& types) {
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    const std::string type = lower(trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (type != "normal" && type != "warning") return false;
    types.emplace_back(type == "normal" ? "Normal" : "Warning");
  }
  return true;
}

}  // namespace sluice::cli
