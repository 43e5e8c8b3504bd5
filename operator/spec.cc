#include "operator/spec.h"

#include <charconv>

#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

Duration duration_at(const kube::Json& object, const char* pointer, Duration otherwise) {
  return parse_duration(kube::text_at(object, pointer)).value_or(otherwise);
}

}  // namespace

GatewaySpec parse_spec(const kube::Json& gateway) {
  GatewaySpec spec;
  spec.replicas = static_cast<int>(kube::integer_at(gateway, "/spec/replicas", spec.replicas));
  spec.min_ready = std::chrono::seconds(kube::integer_at(gateway, "/spec/minReadySeconds", 10));
  spec.budget_per_receiver =
      static_cast<double>(kube::integer_at(gateway, "/spec/reconnectBudget/perSecondPerReceiver", 200));
  spec.budget_max = static_cast<double>(kube::integer_at(gateway, "/spec/reconnectBudget/perSecondMax", 20'000));
  spec.concurrent_drains_max =
      static_cast<int>(kube::integer_at(gateway, "/spec/scaleDown/maxConcurrentDrains", spec.concurrent_drains_max));
  spec.propagation_delay = duration_at(gateway, "/spec/drain/propagationDelay", spec.propagation_delay);
  spec.hint_jitter = duration_at(gateway, "/spec/drain/hintJitter", spec.hint_jitter);
  spec.drain_timeout = duration_at(gateway, "/spec/drain/timeout", spec.drain_timeout);
  spec.close_code = static_cast<int>(kube::integer_at(gateway, "/spec/drain/closeCode", spec.close_code));
  const kube::Json& unavailable = kube::at_pointer(gateway, "/spec/disruption/maxUnavailable");
  if (unavailable.is_number_integer() || unavailable.is_string()) spec.max_unavailable = unavailable;
  const kube::Json& pod_template = kube::at_pointer(gateway, "/spec/template");
  if (pod_template.is_object()) spec.pod_template = pod_template;
  return spec;
}

int max_unavailable_of(const GatewaySpec& spec) {
  if (spec.max_unavailable.is_number_integer()) return spec.max_unavailable.get<int>();
  const auto& text = spec.max_unavailable.get_ref<const std::string&>();
  int percent = 0;
  std::from_chars(text.data(), text.data() + text.size(), percent);
  return static_cast<int>((static_cast<std::int64_t>(percent) * spec.replicas + 99) / 100);
}

}  // namespace sluice::op
