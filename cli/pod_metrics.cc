#include "cli/pod_metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "common/base/text.h"

namespace sluice::cli {
namespace {

std::optional<double> number(std::string_view text) {
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The text between quotes, taken off `rest` with its closing quote; nothing where that is missing.
std::optional<std::string> quoted(std::string_view& rest) {
  std::string out;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      ++i;
      out += rest[i] == 'n' ? '\n' : rest[i];
    } else {
      out += rest[i];
    }
  }
  return std::nullopt;
}

/// `{a="b",c="d"}` taken off `rest`; false where it is none.
bool take_labels(std::string_view& rest, Sample& sample) {
  rest.remove_prefix(1);
  for (;;) {
    rest = trim(rest);
    if (rest.empty()) return false;
    if (rest.front() == '}') {
      rest.remove_prefix(1);
      return true;
    }
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return false;
    const std::string_view name = trim(rest.substr(0, equals));
    rest = trim(rest.substr(equals + 1));
    if (rest.empty() || rest.front() != '"') return false;
    rest.remove_prefix(1);
    auto value = quoted(rest);
    if (!value) return false;
    sample.labels.emplace_back(name, *std::move(value));
    rest = trim(rest);
    if (!rest.empty() && rest.front() == ',') rest.remove_prefix(1);
  }
}

std::optional<Sample> sample_of(std::string_view line) {
  line = trim(line);
  if (line.empty() || line.front() == '#') return std::nullopt;
  Sample sample;
  const auto end = line.find_first_of("{ \t");
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  sample.name = line.substr(0, end);
  line = trim(line.substr(end));
  if (!line.empty() && line.front() == '{' && !take_labels(line, sample)) return std::nullopt;
  line = trim(line);
  // A timestamp may follow.
  const auto value = number(line.substr(0, line.find_first_of(" \t")));
  if (!value) return std::nullopt;
  sample.value = *value;
  return sample;
}

void take(const Sample& sample, PodMetrics& into, bool& is_gateway) {
  const std::string_view name = sample.name;
  if (name == "rtgw_connections") {
    is_gateway = true;
    into.connections += sample.value;
    if (const auto protocol = sample.label("protocol"); !protocol.empty()) {
      into.by_protocol[std::string(protocol)] += sample.value;
    }
  } else if (name == "rtgw_draining") {
    into.draining = sample.value > 0;
  } else if (name == "rtgw_drain_remaining_connections") {
    into.drain_remaining = sample.value;
  } else if (name == "rtgw_connections_opened_total") {
    into.opened += sample.value;
  } else if (name == "rtgw_connections_closed_total") {
    into.closed += sample.value;
  } else if (name == "rtgw_handshakes_total") {
    (sample.label("result") == "ok" ? into.handshakes_ok : into.handshakes_failed) += sample.value;
  } else if (name == "rtgw_handshake_seconds_bucket") {
    const auto bound = number(sample.label("le"));
    if (bound && *bound >= 0) into.handshake_seconds.emplace_back(*bound, sample.value);
  } else if (name == "rtgw_messages_received_total") {
    into.messages_received += sample.value;
  } else if (name == "rtgw_messages_sent_total") {
    into.messages_sent += sample.value;
  } else if (name == "rtgw_send_queue_bytes") {
    into.send_queue_bytes += sample.value;
  } else if (name == "rtgw_task_queue_length") {
    into.tasks_waiting += sample.value;
  } else if (name == "process_resident_memory_bytes") {
    into.resident_bytes = sample.value;
  } else if (name == "rtgw_kernel_memory_bytes") {
    into.kernel_bytes = sample.value;
  }
}

}  // namespace

std::string_view Sample::label(std::string_view wanted) const {
  const auto found = std::find_if(labels.begin(), labels.end(), [&](const auto& each) { return each.first == wanted; });
  return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

void for_each_sample(std::string_view text, const std::function<void(const Sample&)>& take) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (const auto sample = sample_of(text.substr(0, end))) take(*sample);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::optional<PodMetrics> parse_pod_metrics(std::string_view text) {
  if (text.size() > kMetricsBytesMax) return std::nullopt;
  PodMetrics metrics;
  bool is_gateway = false;
  for_each_sample(text, [&](const Sample& sample) {
    if (std::isfinite(sample.value)) take(sample, metrics, is_gateway);
  });
  if (!is_gateway) return std::nullopt;
  std::sort(metrics.handshake_seconds.begin(), metrics.handshake_seconds.end());
  return metrics;
}

std::optional<double> quantile(const PodMetrics* before, const PodMetrics& now, double q) {
  auto buckets = now.handshake_seconds;
  if (before != nullptr && before->handshake_seconds.size() == buckets.size()) {
    for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i].second -= before->handshake_seconds[i].second;
  }
  if (buckets.empty() || !(buckets.back().second > 0)) return std::nullopt;
  const double rank = q * buckets.back().second;
  double below = 0;
  double lower_bound = 0;
  for (const auto& [bound, count] : buckets) {
    if (count >= rank) {
      if (!std::isfinite(bound)) return lower_bound;
      const double in_it = count - below;
      return lower_bound + (bound - lower_bound) * (in_it > 0 ? (rank - below) / in_it : 1.0);
    }
    below = count;
    lower_bound = bound;
  }
  return lower_bound;
}

}  // namespace sluice::cli
