#include "adapter/metric_value.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "adapter/metric_request.h"
#include "common/base/duration_text.h"

namespace sluice::adapter {

std::optional<std::string> format_quantity(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  constexpr double kMilliMax = 9.2e18;  // below 2^63, and a round number of thousandths
  const double clamped = std::min(std::max(value * 1000.0, -kMilliMax), kMilliMax);
  const std::int64_t milli = std::llround(clamped);
  return milli % 1000 == 0 ? std::to_string(milli / 1000) : std::to_string(milli) + "m";
}

std::string render_metric_list(std::string_view version, const ResourceKind& resource, std::string_view ns,
                               std::string_view metric, const nlohmann::json& selector,
                               const std::vector<MetricValue>& values) {
  const auto text = [](const nlohmann::json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  // Value by value: as JSON in memory they would take ten times their text.
  std::string out = R"({"kind":"MetricValueList","apiVersion":)" +
                    text(std::string(kApiGroup) + "/" + std::string(version)) + R"(,"metadata":{},"items":[)";
  for (const MetricValue& value : values) {
    nlohmann::json object{{"kind", resource.kind},
                          {"name", value.name},
                          {"apiVersion", resource.group + "/" + resource.version}};  // "/v1": as the peers write it
    if (!ns.empty()) object["namespace"] = ns;
    nlohmann::json item{
        {"describedObject", std::move(object)}, {"timestamp", format_rfc3339(value.time)}, {"value", value.quantity}};
    if (version == "v1beta1") {
      item["metricName"] = metric;
      item["selector"] = selector;
    } else {
      item["metric"] = {{"name", metric}, {"selector", selector}};
    }
    const std::string rendered = text(item);
    if (&value == &values.front()) out.reserve(out.size() + values.size() * (rendered.size() + 8));
    if (&value != &values.front()) out += ',';
    out += rendered;
  }
  out += "]}";
  return out;
}

}  // namespace sluice::adapter
