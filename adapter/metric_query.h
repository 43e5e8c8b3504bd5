// The query that a rule makes for some objects. Source: sigs.k8s.io/prometheus-adapter pkg/naming (MetricsQuery.Build).
#pragma once

#include <string>
#include <vector>

#include "adapter/label_selector.h"
#include "adapter/rules.h"
#include "common/base/result.h"

namespace sluice::adapter {

struct QueryTarget {
  std::string series;           ///< Name of the series in Prometheus.
  std::string resource_label;   ///< The label that holds the objects' names.
  std::string namespace_label;  ///< Empty for objects without a namespace.
  std::string ns;
  std::vector<std::string> names;  ///< At least one.
};

/// The label that tells the two parts of the answer apart, and its values.
inline constexpr const char* kPartLabel = "sluice_part";
inline constexpr const char* kPartValue = "value";
inline constexpr const char* kPartTime = "time";

/// What the rule's template makes of the target, as prometheus-adapter would send it.
/// Errors: kInvalid (the selector uses > or <, or a key that is no Prometheus label), kInternal (the rule's template
/// cannot be rendered for this target; names the rule).
Result<std::string> build_value_query(const Rule& rule, const QueryTarget& target,
                                      const LabelSelector& metric_selector);

/// The value query joined with the age of what it is made of. Prometheus stamps an instant query's answer with the time
/// of evaluation, however old the samples are that it looked back to; so one query asks for both: elements with
/// sluice_part="value" are the values, those with sluice_part="time" hold, for each object, the Unix time of the newest
/// sample of its series. (Not the oldest: the series of a pod that was deleted stays for about three scrape intervals,
/// and each scale-down would make its owner's metric too old to be served.) Errors: as above.
Result<std::string> build_query(const Rule& rule, const QueryTarget& target, const LabelSelector& metric_selector);

}  // namespace sluice::adapter
