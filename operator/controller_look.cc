// What a look at a RealtimeGateway sees, and whom it wants to hear next.
#include <algorithm>
#include <set>
#include <utility>

#include "operator/controller.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/ownership.h"
#include "operator/releases.h"
#include "operator/render.h"

namespace sluice::op {
namespace {

using kube::Json;

}  // namespace

/// What the leader before us and others wrote last may not have reached our caches: it is read from etcd once and
/// counts like a write of our own; what is not there any more is gone, whatever a cache behind it still shows. Else a
/// drain that had just begun, or ended, could be joined by a second one, or begun for a spec that is no more.
Status Controller::read_newest() {
  std::set<std::string, std::less<>> uids;
  const auto read = [&](const kube::Resource& resource, const kube::ListOptions& options, auto& writes,
                        const std::function<void(const Json&)>& take) -> Status {
    const auto on_object = [&](const Json& object) {
      uids.emplace(kube::uid_of(object));
      take(object);
    };
    const auto list = client_.list_each(resource, options_.watch_ns, options,
                                        {.on_object = on_object, .on_restart = [&] { uids.clear(); }});
    if (!list) return list.error();
    writes.listed(std::string(kube::resource_version_of(*list)), std::exchange(uids, {}));
    return Status::success();
  };
  const Status gateways = read(kube::kRealtimeGateways, {}, gateway_writes_,
                               [&](const Json& gateway) { gateway_writes_.wrote(kube::key_of(gateway), gateway); });
  if (!gateways) return gateways;
  return read(kSlimPods, {.label_selector = kGatewayLabel}, pod_writes_, [&](const Json& pod) {
    // Of thousands nearly all are in the cache as they are.
    const PodPtr cached = caches_.pod(kube::key_of(pod));
    if (cached && cached->resource_version == kube::resource_version_of(pod)) return;
    pod_writes_.wrote(key_of_owner(pod), facts_of(pod));
  });
}

/// Reads the pods whose writes had no answer; as long as one cannot be read nothing is decided about victims.
Status Controller::settle_writes(const std::string& key) {
  Status first;
  for (const std::string& pod : memory_.of(key).unsure) {
    const Status read = read_pod(client_, pod_writes_, key, kube::split_key(key).ns, pod);
    if (read) memory_.note_sure(key, pod);
    keep(first, read);
  }
  return first;
}

kube::Object Controller::newest_gateway(const std::string& key) {
  const std::string version = caches_.gateways.resource_version();  // Before the object, as own_writes.h asks for.
  std::vector<kube::Object> known;
  if (kube::Object cached = caches_.gateways.get(key)) known.push_back(std::move(cached));
  // What the cache does not hold is gone: our own writes never make a RealtimeGateway.
  if (known.empty()) return nullptr;
  known = gateway_writes_.newest(key, std::move(known), version);
  return known.empty() ? nullptr : known.front();
}

/// The pods that carry this gateway's label, whoever owns them.
std::vector<PodPtr> Controller::newest_pods(const std::string& key) {
  const std::string version = caches_.pods.resource_version();  // Before the pods, likewise.
  return pod_writes_.newest(key, caches_.pods_of(key), version);
}

/// The newest template, kept as a ControllerRevision before a pod is made of it, and the one it replaces.
Controller::Templates Controller::templates_of(const std::string& key, const Json& gateway, const GatewaySpec& spec,
                                               const std::vector<PodPtr>& pods, Outcome& outcome) {
  const std::string current = kube::text_at(gateway, "/status/currentRevision");
  std::map<std::string, int> pods_of;
  for (const PodPtr& pod : pods) ++pods_of[pod->revision];
  Templates templates;
  Revision& newest = templates.newest;
  newest.pod_template = spec.pod_template;
  newest.default_image = options_.default_image;
  const std::vector<Revision> known = history_.known(key, gateway);
  if (const auto there = find_revision(known, newest)) {
    newest = *there;
  } else {
    newest.hash =
        revision_of(spec.pod_template, options_.default_image, kube::integer_at(gateway, "/status/collisionCount", 0));
  }
  templates.former = former_revision(known, newest.hash, current, pods_of);
  if (kube::is_deleting(gateway) || !has_finalizer(gateway, kFinalizer)) return templates;

  const std::string refusal = template_check_.refusal(std::string(kube::uid_of(gateway)) + "/" + newest.hash, [&] {
    return render_pod(gateway, std::string(kube::name_of(gateway)) + "-check", newest);
  });
  if (!refusal.empty()) {
    templates.problem = {"TemplateRefused", refusal};
    outcome.requeue_after = kTemplateRecheck;
    return templates;
  }
  std::set<std::string> in_use{current};
  for (const auto& [revision, count] : pods_of) in_use.insert(revision);
  const History::Kept kept =
      history_.keep(key, gateway, plan_revisions(known, newest, in_use, spec.revision_history_limit));
  keep(outcome.status, kept.status);
  if (kept.collision) templates.problem = {"RevisionCollision", "the name of revision " + newest.hash + " is taken"};
  if (!kept.status) templates.problem = {"RevisionNotKept", kept.status.error().message};
  return templates;
}

Observed Controller::look(const std::string& key, const Json& gateway, const GatewaySpec& spec,
                          const Templates& templates, const std::vector<PodPtr>& pods) {
  const Now now{.wall = clock_.wall(), .steady = clock_.steady()};
  Memory::Notes notes = memory_.of(key);
  std::vector<std::string_view> uids;
  uids.reserve(pods.size());
  for (const PodPtr& pod : pods) {
    if (pod->owned_by(kube::uid_of(gateway))) {
      uids.push_back(pod->uid);
    } else {
      notes.taken_names.insert(pod->name);
    }
  }
  prober_.set_pods(key, uids);
  states_.set_pods(key, std::move(uids));
  Observed seen = observe({.gateway = gateway,
                           .spec = spec,
                           .pods = pods,
                           .heard = [this](const std::string& uid) { return states_.get(uid); },
                           .taken_names = std::move(notes.taken_names),
                           .revision = templates.newest.hash,
                           .former_revision = templates.former ? templates.former->hash : std::string(),
                           .template_error = templates.problem.message,
                           .progress = notes.progress,
                           .progress_age = notes.progress_age,
                           .node = [this](const std::string& name) { return caches_.node(name); },
                           .asked_to_evict = evictions_.asked(kube::split_key(key).ns),
                           .evictions_known = evictions_.knows(),
                           .choosing_for = notes.choosing_for,
                           // Another gateway of the same name is another gateway.
                           .orphaned = !notes.orphaned_uid.empty() && notes.orphaned_uid == kube::uid_of(gateway),
                           .unsure = !notes.unsure.empty(),
                           .creates_held = notes.creates_held,
                           .reversed_ago = notes.reversed_ago,
                           .polls = poller_.tally(),
                           .probed = [this](const std::string& uid) { return prober_.of(uid); },
                           .rebalancing_for = notes.rebalancing_for,
                           .rebalanced_ago = notes.rebalanced_ago},
                          now);
  seen.samples = sum_samples(seen.pods, seen.canary, seen.former_revision, notes.baseline);
  const double aim = throttle_aim(spec.budget.handshake_p99_max, receivers_handshake_p99(seen));
  seen.throttle = memory_.step_throttle(key, aim, !releases_of(spec, seen, now.wall).empty());
  return seen;
}

void Controller::note_templates(const std::string& key, const Templates& templates) {
  Templates noted{.newest = {.hash = templates.newest.hash}, .former = std::nullopt, .problem = templates.problem};
  if (templates.former) noted.former = Revision{.hash = templates.former->hash};
  const std::lock_guard lock(mutex_);
  looked_by_[key] = std::move(noted);
}

std::optional<PlanBasis> Controller::look_again(const std::string& key) {
  Templates templates;
  {
    const std::lock_guard lock(mutex_);
    const auto found = looked_by_.find(key);
    if (found == looked_by_.end()) return std::nullopt;
    templates = found->second;
  }
  const kube::Object gateway = newest_gateway(key);
  if (!gateway) return std::nullopt;
  GatewaySpec spec = parse_spec(*gateway);
  Observed seen = look(key, *gateway, spec, templates, newest_pods(key));
  return PlanBasis{std::move(spec), std::move(seen)};
}

void Controller::poll_for(const std::string& key, const GatewaySpec& spec, const Observed& seen, const Plan& plan) {
  const CanaryProgress& canary = plan.canary.progress;
  const bool judged = canary.phase == CanaryPhase::kHolding && !plan.canary.progress.revision.empty();
  std::vector<PollTarget> targets;
  for (const PodView& pod : seen.pods) {
    const bool goes = may_still_release(pod, spec, clock_.wall());
    if (pod.finished || (pod.terminating && !goes) || pod.address.empty()) continue;
    if (pod.container != ContainerState::kRunning) continue;
    PollTarget target{.uid = pod.uid, .address = pod.address, .key = key, .urgency = PollUrgency::kOther};
    if (plan.watched.contains(pod.uid)) target.urgency = PollUrgency::kWatched;
    const auto& wanted = plan.states_wanted;
    if (judged && pod.revision == seen.revision) target.urgency = PollUrgency::kCanary;
    if (std::find(wanted.begin(), wanted.end(), pod.uid) != wanted.end()) target.urgency = PollUrgency::kCandidate;
    if (pod.draining() || goes) target.urgency = PollUrgency::kDraining;
    targets.push_back(std::move(target));
  }
  poller_.set_targets(key, targets, spec.replicas);
  fleet_metrics_.note_offline(key, static_cast<int>(std::count_if(seen.pods.begin(), seen.pods.end(),
                                                                  [](const PodView& pod) { return pod.offline(); })));
}

}  // namespace sluice::op
