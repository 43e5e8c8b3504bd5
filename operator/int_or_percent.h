// A number of pods, absolute or as a percentage of spec.replicas. Source: intstr.IntOrString and
// GetScaledValueFromIntOrPercent of k8s.io/apimachinery.
#pragma once

#include <string>

#include "common/kube/resource.h"

namespace sluice::op {

enum class Round { kUp, kDown };

class IntOrPercent {
 public:
  static IntOrPercent pods(int count) { return {count, false}; }
  static IntOrPercent percent(int percent) { return {percent, true}; }
  /// An integer or "25%"; `otherwise` for anything else.
  static IntOrPercent parse(const kube::Json& value, IntOrPercent otherwise);

  /// So many of `replicas`.
  [[nodiscard]] int of(int replicas, Round round) const;
  /// As Kubernetes' own objects take it.
  [[nodiscard]] kube::Json json() const;
  bool operator==(const IntOrPercent&) const = default;

 private:
  IntOrPercent(int value, bool is_percent) : value_(value), is_percent_(is_percent) {}

  int value_;
  bool is_percent_;
};

}  // namespace sluice::op
