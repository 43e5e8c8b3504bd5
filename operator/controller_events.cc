// What makes a RealtimeGateway be looked at: events of its objects, answers of its gateways, and times that looks name.
#include "operator/controller.h"
#include "operator/limits.h"
#include "operator/names.h"

namespace sluice::op {
namespace {

using kube::Json;

/// What only shows itself again waits behind what has changed.
int priority_of(kube::Informer::Origin origin) {
  using Origin = kube::Informer::Origin;
  return origin == Origin::kChange || origin == Origin::kRelist ? kube::kNormalPriority : kube::kLowPriority;
}

/// Whether only metadata.resourceVersion differs: what has changed is nothing that the cache keeps.
bool same_but_version(Json before, Json after) {
  before["metadata"].erase("resourceVersion");
  after["metadata"].erase("resourceVersion");
  return before == after;
}

}  // namespace

/// Every change only enqueues the RealtimeGateway it belongs to; the queue joins what comes together.
void Controller::watch_caches() {
  using Origin = kube::Informer::Origin;
  caches_.gateways.add_handler([this](const kube::Object& before, const kube::Object& after, Origin origin) {
    enqueue(kube::key_of(after ? *after : *before), priority_of(origin));
  });
  // A heartbeat is no change of what we read of a node.
  caches_.on_node([this](const NodeView* before, const NodeView* after) {
    if (before != nullptr && after != nullptr && *before == *after) return;
    const std::string& name = (after != nullptr ? after : before)->name;
    for (const PodPtr& pod : caches_.all_pods()) {
      if (pod->node == name) look_within(Duration(0), gateway_key_of(*pod));
    }
  });
  caches_.on_pod([this](const PodPtr& before, const PodPtr& after, Origin origin) {
    const int priority = priority_of(origin);
    // A list may hide that what we wrote, and looks have counted on, was taken back unseen.
    const bool unseen = origin == Origin::kRelist;
    if (before && after && !unseen && after->says_no_more_than(*before))
      return touched(gateway_key_of(*after), priority);
    if (before) enqueue(gateway_key_of(*before), priority);
    if (after && (!before || before->gateway_label != after->gateway_label)) enqueue(gateway_key_of(*after), priority);
  });
  for (kube::Informer* informer : {&caches_.services, &caches_.pdbs, &caches_.config_maps, &caches_.revisions}) {
    informer->add_handler([this](const kube::Object& before, const kube::Object& after, Origin origin) {
      const int priority = priority_of(origin);
      if (before && after && before != after && same_but_version(*before, *after)) return;
      if (before) enqueue(key_of_owner(*before), priority);
      if (after && (!before || key_of_owner(*before) != key_of_owner(*after))) enqueue(key_of_owner(*after), priority);
    });
  }
}

/// Something that a look reads has changed.
void Controller::enqueue(const std::string& key, int priority) {
  Duration pause(0);
  {
    const std::lock_guard lock(mutex_);
    const SteadyTime now = clock_.steady();
    due_.want(key, now);
    pause = pace_.wait(key, now);
  }
  event_latency_.heard(key);
  queue_.add_after(key, pause, priority);
}

/// An event of a pod that no look would find anything of. It takes its turn all the same, which ends in a microsecond,
/// so that the time from an event to its reconcile is known of all events.
void Controller::touched(const std::string& key, int priority) {
  event_latency_.heard(key);
  queue_.add(key, priority);
}

/// A look for another reason than an event.
void Controller::look_within(Duration after, const std::string& key, int priority) {
  {
    const std::lock_guard lock(mutex_);
    due_.want(key, clock_.steady() + after);
  }
  queue_.add_after(key, after, priority);
}

/// An Eviction of a pod has changed: that pod's gateway may care.
void Controller::evicted(const std::string& ns, const std::string& pod) {
  if (const PodPtr known = caches_.pod(kube::make_key(ns, pod))) look_within(Duration(0), gateway_key_of(*known));
}

/// A gateway has answered or failed. Draining pods, candidates and those that are watched decide something, and a
/// canary's pods may fail a gate; counts of the others only wait for the status.
void Controller::heard(const PollTarget& target, bool changed) {
  if (target.urgency == PollUrgency::kCanary) {
    look_within(kPollCanary, target.key);
  } else if (target.urgency == PollUrgency::kWatched) {
    look_within(kWatchedLook, target.key);
  } else if (target.urgency != PollUrgency::kOther) {
    look_within(Duration(0), target.key);
  } else if (changed) {
    look_within(kStatusCountsEvery, target.key);
  }
}

}  // namespace sluice::op
