// Values as the custom metrics API writes them. Source: k8s.io/metrics custom_metrics v1beta1 and v1beta2,
// k8s.io/apimachinery api/resource (Quantity).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/resource_map.h"
#include "common/base/clock.h"

namespace sluice::adapter {

/// An integer ("12") or thousandths ("12500m"), rounded to the nearest. Clamped to what an int64 holds in thousandths:
/// the HPA reads MilliValue(), and a quantity that overflows it would be read as something small. Nothing for NaN and
/// infinity.
std::optional<std::string> format_quantity(double value);

/// One object's value.
struct MetricValue {
  std::string name;
  std::string quantity;
  WallTime time{};  ///< When it was measured.
};

/// A MetricValueList. `selector` is the metricLabelSelector as a LabelSelector object, or null.
std::string render_metric_list(std::string_view version, const ResourceKind& resource, std::string_view ns,
                               std::string_view metric, const nlohmann::json& selector,
                               const std::vector<MetricValue>& values);

}  // namespace sluice::adapter
