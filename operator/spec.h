// The fields of a RealtimeGateway's spec, typed and grouped as they are in YAML. The API server has checked them and
// filled in the defaults (crds/realtimegateways.sluice.dev.yaml); where one is absent all the same, the default here is
// the same. What a field means: operator/README.md.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/kube/resource.h"
#include "operator/int_or_percent.h"

namespace sluice::op {

/// Who goes first among pods of one health and revision.
enum class VictimOrder { kLeastCost, kNewest, kOldest };
/// What a drain's deadline does: it beats the budget and closes what is left, or it only says that it has passed.
enum class OnTimeout { kClose, kWait };
enum class RolloutType {
  kRollingUpdate,
  kOnDelete,  ///< A newer template is used for pods that are made anyway; none goes for it.
};
/// What a canary step whose hold is over does without enough samples.
enum class OnInsufficientSamples {
  kWait,
  kProceed,
  kShift,  ///< Stable pods leave the endpoints until the canary has had its samples.
};
/// A share of successes that a canary is measured by, against the stable pods.
enum class GateMetric { kHandshakeSuccess, kCleanClose, kResumeSuccess };
const char* to_string(GateMetric metric);
enum class RebalanceType {
  kNone,
  kArrivals,  ///< New connections go to the emptier pods.
  kMove,      ///< And full pods release some of theirs.
};

struct CanaryStep {
  int percent = 100;  ///< Of spec.replicas.
  Duration hold{0};   ///< Since the step's pods are available.
};

struct CanaryGate {
  GateMetric metric = GateMetric::kHandshakeSuccess;
  double max_drop_percent = 1;     ///< Percentage points below the stable pods' share.
  std::int64_t samples_min = 500;  ///< On either side; with fewer nothing can be said.
};

struct GatewaySpec {
  int replicas = 1;
  kube::Json pod_template = kube::Json::object();  ///< spec.template as it is.
  Duration min_ready{10'000};                      ///< A pod is available once it has been ready for so long.
  bool paused = false;                             ///< Rollouts stand still; scaling goes on.
  bool drain_freeze = false;                       ///< Drains stand still, and none begins.
  int revision_history_limit = 5;
  Duration progress_deadline{600'000};

  struct Capacity {
    std::int64_t connections_per_pod = 100'000;
  } capacity;

  struct ReconnectBudget {
    double per_receiver = 200;          ///< Connections a second for each ready pod that takes them over.
    double max = 20'000;                ///< Connections a second in all.
    Duration handshake_p99_max{1'000};  ///< Above it the receivers get fewer.
  } budget;

  struct ScaleDown {
    VictimOrder victim = VictimOrder::kLeastCost;
    std::set<std::string> pods_to_drain;  ///< Names. They go first; without a scale-down they are replaced.
    int concurrent_drains_max = 1;
    int capacity_guard_percent = 90;  ///< Of capacity.connections_per_pod.
  } scale_down;

  struct Drain {
    Duration propagation_delay{15'000};  ///< From leaving the endpoints to the first hint.
    Duration hint_jitter{30'000};        ///< A drain's departures are spread over at least this.
    Duration timeout{1'800'000};         ///< From the decision to the deadline.
    OnTimeout on_timeout = OnTimeout::kClose;
    bool reversible = true;
    Duration reverse_hold{30'000};  ///< After a drain was taken back none begins for so long.
    int close_code = 1012;
  } drain;

  struct Rollout {
    RolloutType type = RolloutType::kRollingUpdate;
    IntOrPercent surge = IntOrPercent::percent(25);
    IntOrPercent unavailable = IntOrPercent::pods(0);
    IntOrPercent partition = IntOrPercent::pods(0);  ///< Pods that stay on the former revision.
    struct Canary {
      std::vector<CanaryStep> steps;  ///< Percentages ascend.
      std::vector<CanaryGate> gates;
      OnInsufficientSamples on_insufficient_samples = OnInsufficientSamples::kWait;
    } canary;
  } rollout;

  IntOrPercent disruption_unavailable = IntOrPercent::pods(1);

  struct Rebalance {
    RebalanceType type = RebalanceType::kMove;
    int skew_percent = 25;  ///< Above the mean.
  } rebalance;

  struct Healing {
    int kicked_percent_max = 10;
    int probe_percent = 5;
    int successes = 3;
    Duration observe{120'000};
    int gray_percent = 10;
    Duration timeout{10'000};         ///< Polls unanswered for so long are worth a kick, if the kubelet agrees.
    Duration replace_after{300'000};  ///< An offline pod is replaced after it.
  } healing;
};

GatewaySpec parse_spec(const kube::Json& gateway);

}  // namespace sluice::op
