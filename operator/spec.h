// The fields of a RealtimeGateway's spec that this version acts on, typed. The API server has checked them and filled
// in the defaults (crds/realtimegateways.sluice.dev.yaml); where one is absent all the same, the default here is the
// same.
#pragma once

#include <cstdint>

#include "common/base/clock.h"
#include "common/kube/resource.h"

namespace sluice::op {

struct GatewaySpec {
  int replicas = 1;
  Duration min_ready{10'000};  ///< A pod is available once it has been ready for so long.

  double budget_per_receiver = 200;  ///< Connections a second for each ready pod that takes them over.
  double budget_max = 20'000;        ///< Connections a second in all.

  int concurrent_drains_max = 1;

  Duration propagation_delay{15'000};  ///< From leaving the endpoints to the first hint.
  Duration hint_jitter{30'000};        ///< A drain's departures are spread over at least this.
  Duration drain_timeout{1'800'000};   ///< From the decision to the deadline.
  int close_code = 1012;

  kube::Json max_unavailable = 1;                  ///< An integer or "25%", as policy/v1 PodDisruptionBudget takes it.
  kube::Json pod_template = kube::Json::object();  ///< spec.template as it is.
};

GatewaySpec parse_spec(const kube::Json& gateway);

/// Pods that may be unavailable out of `replicas`; percentages are rounded up, as the disruption controller does.
int max_unavailable_of(const GatewaySpec& spec);

}  // namespace sluice::op
