#include "operator/pod_state.h"

#include "common/base/contract.h"

namespace sluice::op {
namespace {

using kube::Json;

const char* traffic_word(bool traffic) {
  return traffic ? kTrafficOn : kTrafficOff;
}

}  // namespace

Json state_labels(std::string_view state, bool traffic) {
  return {{kStateLabel, state}, {kTrafficLabel, traffic_word(traffic)}};
}

Json state_patch(std::string_view state, bool traffic) {
  Json annotations = Json::object();
  if (state != kStateDraining) annotations[kDrainAnnotation] = nullptr;
  if (state != kStateOffline && state != kStateGray) annotations[kHealthAnnotation] = nullptr;
  return {{"labels", state_labels(state, traffic)}, {"annotations", std::move(annotations)}};
}

bool is_labelled(const PodView& pod, std::string_view state, bool traffic) {
  return pod.state_label == state && pod.traffic_label == traffic_word(traffic);
}

void label(PodView& pod, std::string_view state, bool traffic) {
  pod.state_label = state;
  pod.traffic_label = traffic_word(traffic);
}

}  // namespace sluice::op
