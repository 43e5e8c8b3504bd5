// How a pod's state stands on it: the labels sluice.dev/state and sluice.dev/traffic, and which records go with which
// state. Everything that labels a pod does it through here. Pure.
#pragma once

#include <string_view>

#include "common/kube/resource.h"
#include "operator/model.h"

namespace sluice::op {

/// The two labels, for an object. `state`: one of kPodStates; `traffic`: Services select the pod.
kube::Json state_labels(std::string_view state, bool traffic);

/// What takes a pod into `state`, as a merge patch of its metadata: both labels in one write, and the records of other
/// states away. A pod that does not drain has no decision to drain, and only one that is offline or gray has a health
/// record. The record that goes with the state is for the caller to add. The recorded rate stays: only who knows that
/// the gateway releases nobody may drop it.
kube::Json state_patch(std::string_view state, bool traffic);

/// Whether the pod is labelled so.
bool is_labelled(const PodView& pod, std::string_view state, bool traffic);
/// Labels the view, where a plan is played in virtual time.
void label(PodView& pod, std::string_view state, bool traffic);

}  // namespace sluice::op
