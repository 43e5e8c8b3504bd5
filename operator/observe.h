// From the caches' objects and the polled states to the values that the plan reads. Pure: no I/O, both times passed in.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/kube/resource.h"
#include "operator/model.h"
#include "operator/node_view.h"
#include "operator/pod_facts.h"
#include "operator/poll_schedule.h"
#include "operator/probe_counts.h"
#include "operator/spec.h"
#include "operator/state_store.h"

namespace sluice::op {

/// Both clocks, read once a reconcile.
struct Now {
  WallTime wall{};
  SteadyTime steady{};
};

PodView view_pod(const PodFacts& facts, const HeardState& heard, Now now);

struct Sources {
  const kube::Json& gateway;
  const GatewaySpec& spec;   ///< Of that.
  std::vector<PodPtr> pods;  ///< In any order; those of other owners are left out of the result.
  std::function<HeardState(const std::string& uid)> heard;
  std::set<std::string> taken_names;
  std::string revision;
  std::string former_revision;  ///< As model.h's Observed says; so are the fields below.
  std::string template_error;
  ProgressMark progress;
  Duration progress_age{0};
  std::function<NodePtr(const std::string& node)> node;  ///< Nothing where it is not known.
  std::set<std::string> asked_to_evict;                  ///< UIDs.
  bool evictions_known = false;
  Duration choosing_for{0};
  bool orphaned = false;
  bool unsure = false;
  Duration creates_held{0};
  std::optional<Duration> reversed_ago;
  PollTally polls;
  std::function<ProbeCount(const std::string& uid)> probed;
  std::optional<Duration> rebalancing_for;
  std::optional<Duration> rebalanced_ago;
};

Observed observe(const Sources& sources, Now now);

/// Whether the objects beside the pods are kept as they should be. A gateway that is deleted needs them as long as it
/// has pods that drain: that needs the keys. Not where the garbage collector deletes them first or leaves them to
/// nobody.
bool keeps_children(const Observed& seen);

}  // namespace sluice::op
