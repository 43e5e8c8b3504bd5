#include "cli/top_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cli/numbers.h"
#include "cli/text_width.h"
#include "common/base/contract.h"

namespace sluice::cli {
namespace {

using kube::Json;

std::string protocols_text(const PodMetrics& metrics) {
  std::string text;
  for (const auto& [protocol, count] : metrics.by_protocol) {
    if (count > 0) text += (text.empty() ? "" : " ") + protocol + ":" + short_count(count);
  }
  return text.empty() ? "-" : text;
}

std::string p99_text(const std::optional<double>& seconds) {
  if (!seconds) return "-";
  const double ms = *seconds * 1000;
  return ms < 10 ? std::to_string(std::llround(ms * 10) / 10) + "." + std::to_string(std::llround(ms * 10) % 10) + "ms"
                 : std::to_string(std::llround(ms)) + "ms";
}

}  // namespace

std::vector<TopRow> top_rows(const std::vector<kube::Object>& pods, const LiveFigures& first,
                             const LiveFigures& second) {
  std::vector<TopRow> rows;
  for (const kube::Object& pod : pods) {
    const auto now = second.find(std::string(kube::uid_of(*pod)));
    if (now == second.end()) continue;
    TopRow row{.ns = std::string(kube::namespace_of(*pod)),
               .pod = std::string(kube::name_of(*pod)),
               .state = std::string(kube::label_of(*pod, kStateLabel)),
               .now = now->second.metrics};
    const auto before = first.find(now->first);
    const double seconds =
        before == first.end() ? 0 : std::chrono::duration<double>(now->second.at - before->second.at).count();
    if (seconds > 0 && row.now.opened >= before->second.metrics.opened) {
      const PodMetrics& then = before->second.metrics;
      row.seconds = seconds;
      row.opened = (row.now.opened - then.opened) / seconds;
      row.closed = std::max(0.0, row.now.closed - then.closed) / seconds;
      row.received = std::max(0.0, row.now.messages_received - then.messages_received) / seconds;
      row.sent = std::max(0.0, row.now.messages_sent - then.messages_sent) / seconds;
      row.handshake_p99 = quantile(&then, row.now, 0.99);
    }
    if (!row.handshake_p99) row.handshake_p99 = quantile(nullptr, row.now, 0.99);
    rows.push_back(std::move(row));
  }
  return rows;
}

bool sort_rows(std::vector<TopRow>& rows, std::string_view by) {
  const auto most_first = [&](const auto& figure) {
    std::stable_sort(rows.begin(), rows.end(), [&](const TopRow& a, const TopRow& b) { return figure(a) > figure(b); });
  };
  std::sort(rows.begin(), rows.end(),
            [](const TopRow& a, const TopRow& b) { return std::tie(a.ns, a.pod) < std::tie(b.ns, b.pod); });
  if (by == "name") return true;
  if (by == "connections") return most_first([](const TopRow& row) { return row.now.connections; }), true;
  if (by == "messages") return most_first([](const TopRow& row) { return row.received + row.sent; }), true;
  if (by == "handshakes") return most_first([](const TopRow& row) { return row.opened; }), true;
  if (by == "memory")
    return most_first([](const TopRow& row) { return row.now.resident_bytes + row.now.kernel_bytes; }), true;
  return false;
}

Table top_table(const std::vector<TopRow>& rows, bool with_namespace) {
  Table table{.columns = {{.name = "POD"},
                          {.name = "STATE"},
                          {.name = "CONNS", .right = true},
                          {.name = "PROTOCOLS", .width_min = 8},
                          {.name = "OPENED", .right = true},
                          {.name = "CLOSED", .right = true},
                          {.name = "MSG-IN", .right = true},
                          {.name = "MSG-OUT", .right = true},
                          {.name = "P99", .right = true},
                          {.name = "TASKS", .right = true},
                          {.name = "SENDQ", .right = true},
                          {.name = "MEMORY", .right = true}},
              .rows = {}};
  if (with_namespace) table.columns.insert(table.columns.begin(), {.name = "NAMESPACE"});
  for (const TopRow& row : rows) {
    const auto rate = [&](double value) { return Cell{row.seconds > 0 ? rate_text(value) : "-"}; };
    std::vector<Cell> cells = {{printable(row.pod)},
                               {printable(row.state), row.now.draining ? Tone::kBusy : Tone::kPlain},
                               {short_count(row.now.connections)},
                               {printable(protocols_text(row.now))},
                               rate(row.opened),
                               rate(row.closed),
                               rate(row.received),
                               rate(row.sent),
                               {p99_text(row.handshake_p99)},
                               {short_count(row.now.tasks_waiting)},
                               {bytes_text(row.now.send_queue_bytes)},
                               {bytes_text(row.now.resident_bytes + row.now.kernel_bytes)}};
    if (with_namespace) cells.insert(cells.begin(), {row.ns});
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Json top_json(const std::vector<TopRow>& rows) {
  Json items = Json::array();
  for (const TopRow& row : rows) {
    Json item{{"namespace", row.ns},
              {"pod", row.pod},
              {"state", row.state},
              {"connections", std::llround(row.now.connections)},
              {"protocols", row.now.by_protocol},
              {"tasksWaiting", std::llround(row.now.tasks_waiting)},
              {"sendQueueBytes", std::llround(row.now.send_queue_bytes)},
              {"residentBytes", std::llround(row.now.resident_bytes)},
              {"kernelBytes", std::llround(row.now.kernel_bytes)}};
    if (row.handshake_p99) item["handshakeP99Seconds"] = *row.handshake_p99;
    if (row.seconds > 0) {
      item["perSecond"] = {{"opened", row.opened},
                           {"closed", row.closed},
                           {"messagesReceived", row.received},
                           {"messagesSent", row.sent}};
    }
    items.push_back(std::move(item));
  }
  return {{"apiVersion", "cli.sluice.dev/v1alpha1"}, {"kind", "PodFigureList"}, {"items", std::move(items)}};
}

}  // namespace sluice::cli
