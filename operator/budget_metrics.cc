#include "operator/budget_metrics.h"

#include <array>

namespace sluice::op {
namespace {

struct Shown {
  const char* field;
  const char* metric;
  const char* help;
  double unit;
};
constexpr std::array<Shown, 3> kShown{
    {{"perSecond", "sluice_operator_reconnect_budget", "Connections a second that all drains may release together.", 1},
     {"granted", "sluice_operator_reconnect_granted", "Connections a second that gateways may be releasing.", 1},
     {"throttlePercent", "sluice_operator_reconnect_throttle_ratio",
      "The part of the reconnect budget that the receivers' handshakes leave.", 0.01}}};

MetricLabels labels_of(const std::string& key) {
  const kube::KeyParts parts = kube::split_key(key);
  return {{"namespace", parts.ns}, {"name", parts.name}};
}

}  // namespace

void BudgetMetrics::show(const std::string& key, const kube::Json& budget) {
  for (const Shown& shown : kShown) {
    const auto figure = budget.find(shown.field);
    if (figure == budget.end() || !figure->is_number()) continue;
    registry_.gauge(shown.metric, shown.help, labels_of(key)).set(figure->get<double>() * shown.unit);
  }
}

void BudgetMetrics::forget(const std::string& key) {
  for (const Shown& shown : kShown) registry_.remove(shown.metric, labels_of(key));
}

}  // namespace sluice::op
