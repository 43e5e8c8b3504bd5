// Which metrics can be asked for, and from which rule and series each comes. Built anew at every relist from what
// Prometheus lists. Source: sigs.k8s.io/prometheus-adapter pkg/custom-provider (basicSeriesRegistry).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapter/resource_labels.h"
#include "adapter/resource_map.h"
#include "adapter/rules.h"

namespace sluice::adapter {

/// What one rule's seriesQuery found: for each series name the labels that any of its series has. Small, however many
/// series there are.
using SeriesNames = std::map<std::string, std::set<std::string>>;

struct MetricKey {
  GroupResource resource;  ///< Plural.
  std::string metric;
  auto operator<=>(const MetricKey&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 misreads it
};

struct MetricSource {
  std::size_t rule = 0;  ///< Index into the rules.
  std::string series;
  bool namespaced = true;  ///< Whether it is listed as namespaced.
};

using MetricIndex = std::map<MetricKey, MetricSource>;

/// `listed[i]` and `labels[i]` belong to `rules[i]`; nothing is listed where its series are not known yet. Where
/// several series give one metric the last one counts: the later rule, then the greater name.
MetricIndex build_index(const std::vector<Rule>& rules, const std::vector<std::optional<SeriesNames>>& listed,
                        const std::vector<ResourceLabels>& labels);

}  // namespace sluice::adapter
