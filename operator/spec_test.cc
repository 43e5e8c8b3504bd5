#include "operator/spec.h"

#include <doctest/doctest.h>

namespace sluice::op {

TEST_CASE("parse_spec reads every field and falls back to the schema's defaults") {
  const GatewaySpec empty = parse_spec(kube::Json::object());
  CHECK(empty.replicas == 1);
  CHECK(empty.min_ready == 10s);
  CHECK(empty.drain.timeout == 30min);
  CHECK(empty.drain.close_code == 1012);
  CHECK(empty.disruption_unavailable.of(1, Round::kUp) == 1);

  const GatewaySpec full = parse_spec(kube::Json::parse(R"({"spec":{
      "replicas":7,"minReadySeconds":3,"reconnectBudget":{"perSecondPerReceiver":50,"perSecondMax":400},
      "scaleDown":{"maxConcurrentDrains":4},
      "drain":{"propagationDelay":"5s","hintJitter":"1m30s","timeout":"2h","closeCode":1001},
      "disruption":{"maxUnavailable":"25%"},"template":{"metadata":{"labels":{"app":"edge"}}}}})"));
  CHECK(full.replicas == 7);
  CHECK(full.min_ready == 3s);
  CHECK(full.budget.per_receiver == 50);
  CHECK(full.budget.max == 400);
  CHECK(full.scale_down.concurrent_drains_max == 4);
  CHECK(full.drain.propagation_delay == 5s);
  CHECK(full.drain.hint_jitter == 90s);
  CHECK(full.drain.timeout == 2h);
  CHECK(full.drain.close_code == 1001);
  CHECK(full.disruption_unavailable.of(full.replicas, Round::kUp) == 2);  // 25 % of 7 is 1.75
  CHECK(full.pod_template["metadata"]["labels"]["app"] == "edge");
}

}  // namespace sluice::op
