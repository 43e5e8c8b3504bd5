#include "operator/spec.h"

#include <array>
#include <string_view>
#include <utility>

#include "common/base/duration_text.h"

namespace sluice::op {
namespace {

using kube::Json;

/// Reads fields of one object; a field that is absent, or of a wrong type, leaves its default as it is.
class Reader {
 public:
  Reader(const Json& root, const char* pointer) : object_(kube::at_pointer(root, pointer)) {}
  explicit Reader(const Json& object) : object_(object) {}

  void read(const char* field, int& value) const {
    const Json* found = find(field);
    if (found != nullptr && found->is_number_integer()) value = found->get<int>();
  }
  void read(const char* field, std::int64_t& value) const {
    const Json* found = find(field);
    if (found != nullptr && found->is_number_integer()) value = found->get<std::int64_t>();
  }
  void read(const char* field, double& value) const {
    const Json* found = find(field);
    if (found != nullptr && found->is_number()) value = found->get<double>();
  }
  void read(const char* field, bool& value) const {
    const Json* found = find(field);
    if (found != nullptr && found->is_boolean()) value = found->get<bool>();
  }
  void read(const char* field, IntOrPercent& value) const {
    if (const Json* found = find(field)) value = IntOrPercent::parse(*found, value);
  }
  /// "1m30s".
  void read(const char* field, Duration& value) const {
    const Json* found = find(field);
    if (found == nullptr || !found->is_string()) return;
    value = parse_duration(found->get_ref<const std::string&>()).value_or(value);
  }
  /// Whole seconds.
  void read_seconds(const char* field, Duration& value) const {
    const Json* found = find(field);
    if (found != nullptr && found->is_number_integer()) value = std::chrono::seconds(found->get<std::int64_t>());
  }
  template <typename Enum, std::size_t kCount>
  void read(const char* field, Enum& value, const std::array<std::pair<std::string_view, Enum>, kCount>& words) const {
    const Json* found = find(field);
    if (found == nullptr || !found->is_string()) return;
    for (const auto& [word, meaning] : words) {
      if (found->get_ref<const std::string&>() == word) value = meaning;
    }
  }
  /// Calls `each` with a Reader of every object in the list.
  void read_list(const char* field, const auto& each) const {
    const Json* found = find(field);
    if (found == nullptr || !found->is_array()) return;
    for (const Json& entry : *found) each(Reader(entry));
  }
  void read(const char* field, std::set<std::string>& names) const {
    const Json* found = find(field);
    if (found == nullptr || !found->is_array()) return;
    for (const Json& entry : *found) {
      if (entry.is_string()) names.insert(entry.get<std::string>());
    }
  }

 private:
  [[nodiscard]] const Json* find(const char* field) const {
    const auto it = object_.is_object() ? object_.find(field) : object_.end();
    return object_.is_object() && it != object_.end() ? &*it : nullptr;
  }

  const Json& object_;
};

constexpr std::array<std::pair<std::string_view, VictimOrder>, 3> kVictimOrders{
    {{"LeastCost", VictimOrder::kLeastCost}, {"Newest", VictimOrder::kNewest}, {"Oldest", VictimOrder::kOldest}}};
constexpr std::array<std::pair<std::string_view, OnTimeout>, 2> kOnTimeouts{
    {{"Close", OnTimeout::kClose}, {"Wait", OnTimeout::kWait}}};
constexpr std::array<std::pair<std::string_view, RolloutType>, 2> kRolloutTypes{
    {{"RollingUpdate", RolloutType::kRollingUpdate}, {"OnDelete", RolloutType::kOnDelete}}};
constexpr std::array<std::pair<std::string_view, OnInsufficientSamples>, 3> kInsufficients{
    {{"Wait", OnInsufficientSamples::kWait},
     {"Proceed", OnInsufficientSamples::kProceed},
     {"Shift", OnInsufficientSamples::kShift}}};
constexpr std::array<std::pair<std::string_view, GateMetric>, 3> kGateMetrics{
    {{"HandshakeSuccess", GateMetric::kHandshakeSuccess},
     {"CleanClose", GateMetric::kCleanClose},
     {"ResumeSuccess", GateMetric::kResumeSuccess}}};
constexpr std::array<std::pair<std::string_view, RebalanceType>, 3> kRebalanceTypes{
    {{"None", RebalanceType::kNone}, {"Arrivals", RebalanceType::kArrivals}, {"Move", RebalanceType::kMove}}};

void read_canary(const Reader& canary, GatewaySpec::Rollout::Canary& into) {
  canary.read_list("steps", [&](const Reader& step) {
    step.read("percent", into.steps.emplace_back().percent);
    step.read("hold", into.steps.back().hold);
  });
  canary.read_list("gates", [&](const Reader& gate) {
    CanaryGate& read = into.gates.emplace_back();
    gate.read("metric", read.metric, kGateMetrics);
    gate.read("maxDropPercent", read.max_drop_percent);
    gate.read("minSamples", read.samples_min);
  });
  canary.read("onInsufficientSamples", into.on_insufficient_samples, kInsufficients);
}

}  // namespace

const char* to_string(GateMetric metric) {
  for (const auto& [word, meaning] : kGateMetrics) {
    if (meaning == metric) return word.data();  // Literals: they end with a zero.
  }
  return "";
}

GatewaySpec parse_spec(const Json& gateway) {
  GatewaySpec spec;
  const Reader top(gateway, "/spec");
  top.read("replicas", spec.replicas);
  top.read_seconds("minReadySeconds", spec.min_ready);
  top.read("paused", spec.paused);
  top.read("drainFreeze", spec.drain_freeze);
  top.read("revisionHistoryLimit", spec.revision_history_limit);
  top.read_seconds("progressDeadlineSeconds", spec.progress_deadline);
  Reader(gateway, "/spec/capacity").read("connectionsPerPod", spec.capacity.connections_per_pod);

  const Reader budget(gateway, "/spec/reconnectBudget");
  budget.read("perSecondPerReceiver", spec.budget.per_receiver);
  budget.read("perSecondMax", spec.budget.max);
  budget.read("handshakeP99Max", spec.budget.handshake_p99_max);

  const Reader scale_down(gateway, "/spec/scaleDown");
  scale_down.read("victim", spec.scale_down.victim, kVictimOrders);
  scale_down.read("podsToDrain", spec.scale_down.pods_to_drain);
  scale_down.read("maxConcurrentDrains", spec.scale_down.concurrent_drains_max);
  scale_down.read("capacityGuardPercent", spec.scale_down.capacity_guard_percent);

  const Reader drain(gateway, "/spec/drain");
  drain.read("propagationDelay", spec.drain.propagation_delay);
  drain.read("hintJitter", spec.drain.hint_jitter);
  drain.read("timeout", spec.drain.timeout);
  drain.read("onTimeout", spec.drain.on_timeout, kOnTimeouts);
  drain.read("reversible", spec.drain.reversible);
  drain.read("reverseHold", spec.drain.reverse_hold);
  drain.read("closeCode", spec.drain.close_code);

  const Reader rollout(gateway, "/spec/rollout");
  rollout.read("type", spec.rollout.type, kRolloutTypes);
  rollout.read("maxSurge", spec.rollout.surge);
  rollout.read("maxUnavailable", spec.rollout.unavailable);
  rollout.read("partition", spec.rollout.partition);
  read_canary(Reader(gateway, "/spec/rollout/canary"), spec.rollout.canary);

  Reader(gateway, "/spec/disruption").read("maxUnavailable", spec.disruption_unavailable);
  const Reader rebalance(gateway, "/spec/rebalance");
  rebalance.read("type", spec.rebalance.type, kRebalanceTypes);
  rebalance.read("skewPercent", spec.rebalance.skew_percent);

  const Reader healing(gateway, "/spec/healing");
  healing.read("maxKickedPercent", spec.healing.kicked_percent_max);
  healing.read("probePercent", spec.healing.probe_percent);
  healing.read("successes", spec.healing.successes);
  healing.read("observe", spec.healing.observe);
  healing.read("grayPercent", spec.healing.gray_percent);
  healing.read("timeout", spec.healing.timeout);
  healing.read("replaceAfter", spec.healing.replace_after);

  const Json& pod_template = kube::at_pointer(gateway, "/spec/template");
  if (pod_template.is_object()) spec.pod_template = pod_template;
  return spec;
}

}  // namespace sluice::op
