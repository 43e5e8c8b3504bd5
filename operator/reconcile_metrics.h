// How reconciles went. Named as controller-runtime names them, so that dashboards work; and what became of rollouts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/metrics.h"
#include "operator/rollout_news.h"

namespace sluice::op {

inline constexpr const char* kControllerName = "realtimegateway";  ///< Label `controller`.

/// controller-runtime's.
inline const std::vector<double> kReconcileSeconds = {
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1,  1.25, 1.5,
    1.75,  2,    2.5,   3,    3.5, 4,    4.5, 5,    6,   7,    8,   9,    10,  15,  20,  25,  30,  40, 50,   60};

struct ReconcileMetrics {
  Counter success, error, requeue, requeue_after, errors;
  Histogram seconds;
  Gauge active;
  Counter nothing_new;                      ///< Not reconciled: nothing that a look reads had changed.
  std::map<std::string, Counter> rollouts;  ///< By result.

  ReconcileMetrics(MetricsRegistry& registry, int workers)
      : success(total(registry, "success")),
        error(total(registry, "error")),
        requeue(total(registry, "requeue")),
        requeue_after(total(registry, "requeue_after")),
        errors(registry.counter("controller_runtime_reconcile_errors_total", "Reconciles that failed.",
                                {{"controller", kControllerName}})),
        seconds(registry.histogram("controller_runtime_reconcile_time_seconds", "How long reconciles take.",
                                   kReconcileSeconds, {{"controller", kControllerName}})),
        active(registry.gauge("controller_runtime_active_workers", "Reconciles under way.",
                              {{"controller", kControllerName}})),
        nothing_new(registry.counter("sluice_operator_looks_skipped_total",
                                     "Keys taken from the queue of which nothing was new that a reconcile reads.")) {
    registry
        .gauge("controller_runtime_max_concurrent_reconciles", "Reconciles that may run at once.",
               {{"controller", kControllerName}})
        .set(workers);
    // Dashboards add these up, and alerts look at their rates: they stay at 0 where a reconcile never ends in that way.
    registry.counter("controller_runtime_terminal_reconcile_errors_total", "Reconciles that failed for good.",
                     {{"controller", kControllerName}});
    registry.counter("controller_runtime_reconcile_panics_total", "Reconciles that panicked.",
                     {{"controller", kControllerName}});
    registry.counter("controller_runtime_reconcile_timeouts_total", "Reconciles that ran out of time.",
                     {{"controller", kControllerName}});
    for (const char* result : kRolloutResults) {
      rollouts.emplace(result, registry.counter("sluice_operator_rollouts_total", "Rollouts by what became of them.",
                                                {{"result", result}}));
    }
  }
  static Counter total(MetricsRegistry& registry, const char* result) {
    return registry.counter("controller_runtime_reconcile_total", "Reconciles by result.",
                            {{"controller", kControllerName}, {"result", result}});
  }
};

}  // namespace sluice::op
