#include "adapter/metric_index.h"

namespace sluice::adapter {

MetricIndex build_index(const std::vector<Rule>& rules, const std::vector<std::optional<SeriesNames>>& listed,
                        const std::vector<ResourceLabels>& labels) {
  MetricIndex out;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!listed[i]) continue;
    for (const auto& [series, label_names] : *listed[i]) {
      std::string metric;
      if (!rules[i].wants_series(series) || !rules[i].metric_name(series, metric)) continue;
      for (const std::string& label : label_names) {
        const ResourceKind* resource = labels[i].resource_of(label);
        if (resource == nullptr) continue;
        out[{resource->group_resource(), metric}] = {i, series, resource->namespaced};
      }
    }
  }
  return out;
}

}  // namespace sluice::adapter
