// What a gateway's /metrics says, as far as status and top show it. Pure. Source: Prometheus text format 0.0.4.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::cli {

/// Series of counters and gauges; a bound for what a stranger answers.
inline constexpr std::size_t kMetricsBytesMax = 4u << 20;

struct Sample {
  std::string_view name;
  std::vector<std::pair<std::string_view, std::string>> labels;  ///< Values unescaped.
  double value = 0;

  [[nodiscard]] std::string_view label(std::string_view name) const;
};

/// Each line that is a sample, in order; what is none is skipped.
void for_each_sample(std::string_view text, const std::function<void(const Sample&)>& take);

struct PodMetrics {
  double connections = 0;                     ///< In all states.
  std::map<std::string, double> by_protocol;  ///< The same by the label `protocol`, where there is one.
  bool draining = false;
  double drain_remaining = 0;
  double opened = 0;  ///< Since start, as are the next five.
  double handshakes_ok = 0;
  double handshakes_failed = 0;
  double messages_received = 0;
  double messages_sent = 0;
  double closed = 0;
  std::vector<std::pair<double, double>> handshake_seconds;  ///< Upper bound and count up to it, since start.
  double send_queue_bytes = 0;
  double tasks_waiting = 0;
  double resident_bytes = 0;
  double kernel_bytes = 0;
};

/// Nothing where the text holds no rtgw_connections: whoever answered is no gateway.
std::optional<PodMetrics> parse_pod_metrics(std::string_view text);

/// The `q` quantile (0 to 1) of what was counted between two looks, or since start where `before` is null, by linear
/// interpolation in its bucket; nothing where nothing was counted. Source: PromQL histogram_quantile.
std::optional<double> quantile(const PodMetrics* before, const PodMetrics& now, double q);

}  // namespace sluice::cli
