#include "operator/controller.h"

#include <algorithm>

#include "common/base/log.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/render.h"
#include "operator/signing_keys.h"

namespace sluice::op {
namespace {

using kube::Json;

constexpr const char* kName = "realtimegateway";  ///< Label `controller` of the metrics.
/// After a failure a key comes again within 30 s at the latest: a drain must not sleep through the API server's return.
const Backoff kRetry{.first = Duration(5), .most = Duration(30'000), .factor = 2.0, .jitter = 0.0};
constexpr Duration kPrepareRetry{5'000};

/// The RealtimeGateway that an object beside it or below it belongs to.
std::string key_of_owner(const Json& object) {
  return kube::make_key(kube::namespace_of(object), kube::label_of(object, kGatewayLabel));
}

/// The first failure counts.
void keep(Status& first, const Status& status) {
  if (first) first = status;
}

std::optional<Duration> sooner(std::optional<Duration> a, std::optional<Duration> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

/// Named as controller-runtime names them, so that dashboards work.
struct Controller::Metrics {
  Counter success, error, requeue, requeue_after, errors;
  Histogram seconds;
  Gauge active;

  explicit Metrics(MetricsRegistry& registry, int workers)
      : success(total(registry, "success")),
        error(total(registry, "error")),
        requeue(total(registry, "requeue")),
        requeue_after(total(registry, "requeue_after")),
        errors(registry.counter("controller_runtime_reconcile_errors_total", "Reconciles that failed.",
                                {{"controller", kName}})),
        seconds(registry.histogram("controller_runtime_reconcile_time_seconds", "How long reconciles take.",
                                   {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
                                   {{"controller", kName}})),
        active(registry.gauge("controller_runtime_active_workers", "Reconciles under way.", {{"controller", kName}})) {
    registry
        .gauge("controller_runtime_max_concurrent_reconciles", "Reconciles that may run at once.",
               {{"controller", kName}})
        .set(workers);
  }
  static Counter total(MetricsRegistry& registry, const char* result) {
    return registry.counter("controller_runtime_reconcile_total", "Reconciles by result.",
                            {{"controller", kName}, {"result", result}});
  }
};

Controller::Controller(kube::Client& client, Caches& caches, AdminClient& admin, kube::EventRecorder& events,
                       const Clock& clock, MetricsRegistry& metrics, Options options)
    : client_(client),
      caches_(caches),
      admin_(admin),
      events_(events),
      clock_(clock),
      options_(std::move(options)),
      metrics_(std::make_unique<Metrics>(metrics, options_.workers)),
      fleet_metrics_(metrics),
      queue_(clock, {.name = kName, .backoff = kRetry}, &metrics),
      pod_writes_(clock),
      gateway_writes_(clock),
      memory_(clock),
      poller_(admin, states_, clock, [this](const PollTarget& target, bool changed) { heard(target, changed); }),
      prober_(clock, metrics, [this](const std::string& key) { queue_.add(key); }),
      broadcaster_(admin, metrics),
      children_(client, caches, clock),
      history_(client, caches, clock),
      template_check_(client, clock),
      status_writer_(client, gateway_writes_, clock),
      applier_({client, admin, states_, pod_writes_, gateway_writes_, events, clock, metrics}) {
  watch_caches();
}

Controller::~Controller() {
  stop();
}

/// Every change only enqueues the RealtimeGateway it belongs to; the queue joins what comes together.
void Controller::watch_caches() {
  caches_.gateways.add_handler([this](const kube::Object& before, const kube::Object& after) {
    queue_.add(kube::key_of(after ? *after : *before));
  });
  for (kube::Informer* informer :
       {&caches_.pods, &caches_.services, &caches_.pdbs, &caches_.config_maps, &caches_.revisions}) {
    informer->add_handler([this](const kube::Object& before, const kube::Object& after) {
      if (before) queue_.add(key_of_owner(*before));
      if (after && (!before || key_of_owner(*before) != key_of_owner(*after))) queue_.add(key_of_owner(*after));
    });
  }
}

void Controller::start() {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;  // The lease was won while the process was told to end.
  runner_ = std::thread([this] { run(); });
}

void Controller::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  queue_.shut_down();
  if (runner_.joinable()) runner_.join();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  poller_.stop();
  prober_.stop();
  broadcaster_.stop();
}

void Controller::run() {
  if (!prepare()) return;
  poller_.start();
  prober_.start();
  log_info("controller started", {{"workers", options_.workers}});
  for (int i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
}

/// Caches first: to act on half a picture would make pods that exist already. False where the operator stops meanwhile.
bool Controller::prepare() {
  while (!caches_.wait_synced(kPrepareRetry)) {
    log_warn("still waiting for the first lists from the API server");
    if (!pause(Duration(0))) return false;
  }
  for (;;) {
    const Status read = read_newest();
    const Result<SigningKey> key = ensure_signing_key(client_, options_.ns);
    if (read && key) {
      public_pems_ = {{key->id(), key->public_pem()}};
      admin_.set_key(*key);
      return true;
    }
    log_error("the state to begin from, or the signing key, cannot be read; nothing is reconciled without them",
              {{"error", (read ? key.error() : read.error()).message}, {"retry_in", kPrepareRetry}});
    if (!pause(kPrepareRetry)) return false;
  }
}

/// What the leader before us and others wrote last may not have reached our caches: it is read from etcd once and
/// counts like a write of our own. Else a drain that had just begun could be joined by a second one, or begun for a
/// spec that is no more.
Status Controller::read_newest() {
  const auto gateways = client_.list(kube::kRealtimeGateways, "");
  if (!gateways) return gateways.error();
  for (const Json& gateway : (*gateways)["items"]) gateway_writes_.wrote(kube::key_of(gateway), gateway);
  const auto pods = client_.list(kube::kPods, "", {.label_selector = kGatewayLabel});
  if (!pods) return pods.error();
  for (Json pod : (*pods)["items"]) {
    slim_pod(pod);
    pod_writes_.wrote(key_of_owner(pod), pod);
  }
  return Status::success();
}

bool Controller::pause(Duration time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

void Controller::work() {
  while (const std::optional<std::string> key = queue_.get()) {
    // What was queued before stop() is left to the next leader.
    if (!pause(Duration(0))) {
      queue_.done(*key);
      continue;
    }
    const SteadyTime begin = clock_.steady();
    metrics_->active.add(1);
    finish(*key, reconcile(*key));
    metrics_->active.add(-1);
    metrics_->seconds.observe(std::chrono::duration<double>(clock_.steady() - begin).count());
    queue_.done(*key);
  }
}

void Controller::finish(const std::string& key, const Outcome& outcome) {
  if (outcome.status) {
    queue_.forget(key);
    if (outcome.requeue_after) queue_.add_after(key, *outcome.requeue_after);
    (outcome.requeue_after ? metrics_->requeue_after : metrics_->success).add();
    return;
  }
  const Error& error = outcome.status.error();
  queue_.add_rate_limited(key);
  if (outcome.requeue_after) queue_.add_after(key, *outcome.requeue_after);
  if (error.code == ErrorCode::kConflict) {
    // Somebody else has written meanwhile: look again. This is no failure.
    log_debug("conflict, looking again", {{"gateway", key}, {"error", error.message}});
    metrics_->requeue.add();
    return;
  }
  log_error("reconcile failed, trying again",
            {{"gateway", key}, {"failures", queue_.failures(key)}, {"error", error.message}});
  metrics_->error.add();
  metrics_->errors.add();
}

/// A gateway has answered or failed. Draining pods, candidates and those that are watched decide something; counts of
/// the others only wait for the status.
void Controller::heard(const PollTarget& target, bool changed) {
  if (target.urgency == PollUrgency::kWatched) {
    queue_.add_after(target.key, kWatchedLook);
  } else if (target.urgency != PollUrgency::kOther) {
    queue_.add(target.key);
  } else if (changed) {
    queue_.add_after(target.key, kStatusCountsEvery);
  }
}

Controller::Outcome Controller::reconcile(const std::string& key) {
  const kube::Object gateway = newest_gateway(key);
  if (!gateway) {
    forget(key);
    return {};
  }
  return reconcile_gateway(key, *gateway);
}

Controller::Outcome Controller::reconcile_gateway(const std::string& key, const Json& gateway) {
  Outcome outcome;
  outcome.status = settle_writes(key);
  const GatewaySpec spec = parse_spec(gateway);
  std::vector<kube::Object> pods = newest_pods(key, gateway);
  report_strangers(gateway, pods);

  const Templates templates = templates_of(key, gateway, spec, pods, outcome);
  Problem problem = templates.problem;
  const Observed seen = look(key, gateway, templates, pods);
  if (seen.orphaned) memory_.note_orphaned(key, seen.uid);
  if (keeps_children(seen)) keep(outcome.status, children_.ensure(key, gateway, public_pems_, problem));

  const Plan plan = plan_gateway(spec, seen, clock_.wall());
  const Problem met = carry_out({key, gateway, spec, seen, pods, templates.newest, templates.former}, plan, outcome);
  if (problem.reason.empty()) problem = met;
  if (outcome.gone) return outcome;

  report_problem(key, gateway, problem);
  // Once more, with what was just written: status and polls are about the present.
  pods = newest_pods(key, gateway);
  const Observed after = look(key, gateway, templates, pods);
  poll_for(key, after, plan);
  const kube::Object newest = newest_gateway(key);
  if (!newest || (seen.deleting && !seen.finalized)) return outcome;
  const auto written =
      status_writer_.write(key, *newest, compute_status(*newest, spec, after, plan, problem, clock_.wall()));
  if (written) {
    outcome.requeue_after = sooner(outcome.requeue_after, *written);
  } else {
    keep(outcome.status, written.error().in("status"));
  }
  return outcome;
}

/// The newest template, kept as a ControllerRevision before a pod is made of it, and the one it replaces.
Controller::Templates Controller::templates_of(const std::string& key, const Json& gateway, const GatewaySpec& spec,
                                               const std::vector<kube::Object>& pods, Outcome& outcome) {
  const std::string current = kube::text_at(gateway, "/status/currentRevision");
  Templates templates;
  Revision& newest = templates.newest;
  newest.pod_template = spec.pod_template;
  newest.default_image = options_.default_image;
  newest.hash =
      revision_of(spec.pod_template, options_.default_image, kube::integer_at(gateway, "/status/collisionCount", 0));
  const std::vector<Revision> known = history_.known(key, gateway);
  templates.former = former_revision(known, newest.hash, current);
  if (kube::is_deleting(gateway) || !has_finalizer(gateway, kFinalizer)) return templates;

  const std::string refusal =
      template_check_.refusal(std::string(kube::uid_of(gateway)) + "/" + newest.hash,
                              render_pod(gateway, std::string(kube::name_of(gateway)) + "-check", newest));
  if (!refusal.empty()) {
    templates.problem = {"TemplateRefused", refusal};
    outcome.requeue_after = kTemplateRecheck;
    return templates;
  }
  std::set<std::string> in_use{current};
  for (const kube::Object& pod : pods) in_use.insert(std::string(kube::label_of(*pod, kRevisionLabel)));
  const History::Kept kept =
      history_.keep(key, gateway, plan_revisions(known, newest, in_use, spec.revision_history_limit));
  keep(outcome.status, kept.status);
  if (kept.collision) templates.problem = {"RevisionCollision", "the name of revision " + newest.hash + " is taken"};
  if (!kept.status) templates.problem = {"RevisionNotKept", kept.status.error().message};
  return templates;
}

/// Applies the plan and remembers what came of it. Answers why no progress is made, if so.
Problem Controller::carry_out(const Basis& basis, const Plan& plan, Outcome& outcome) {
  const Applied applied = applier_.apply(basis, plan);
  remember(basis.key, basis.seen, plan, applied);
  heal(basis, plan, applied);
  if (memory_.is_new_objection(basis.key, plan.objection)) {
    events_.record(basis.gateway, kube::EventType::kWarning, "CapacityGuard", "Drain", plan.objection);
  }
  keep(outcome.status, applied.status);
  outcome.requeue_after = sooner(outcome.requeue_after, sooner(plan.wake_after, applied.wake_after));
  outcome.gone = applied.gone;
  return plan.creates_held ? memory_.of(basis.key).create_problem : applied.problem;
}

void Controller::remember(const std::string& key, const Observed& seen, const Plan& plan, const Applied& applied) {
  memory_.note_choosing(key, !plan.states_wanted.empty());
  memory_.note_taken(key, applied.taken_names);
  memory_.note_unsure(key, applied.unsure);
  if (!plan.create.empty()) memory_.note_creates(key, applied.problem);
  if (applied.reversed) memory_.note_reversed(key);
  const CanaryProgress& canary = plan.canary.progress;
  const bool holds = canary.phase == CanaryPhase::kHolding;
  if (holds && memory_.of(key).baseline.step != canary_step_id(canary)) {
    memory_.note_baseline(key, take_baseline(seen.pods, canary));
  }
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
  return known.front();
}

/// The pods that carry this gateway's label, whoever owns them.
std::vector<kube::Object> Controller::newest_pods(const std::string& key, const Json& gateway) {
  const std::string version = caches_.pods.resource_version();
  std::vector<kube::Object> pods = caches_.pods.list_namespace(kube::namespace_of(gateway));
  std::erase_if(pods,
                [&](const kube::Object& pod) { return kube::label_of(*pod, kGatewayLabel) != kube::name_of(gateway); });
  return pod_writes_.newest(key, std::move(pods), version);
}

Observed Controller::look(const std::string& key, const Json& gateway, const Templates& templates,
                          const std::vector<kube::Object>& pods) {
  const Now now{.wall = clock_.wall(), .steady = clock_.steady()};
  Memory::Notes notes = memory_.of(key);
  std::set<std::string> uids;
  for (const kube::Object& pod : pods) {
    notes.taken_names.insert(std::string(kube::name_of(*pod)));
    if (owned_by(*pod, kube::uid_of(gateway))) uids.insert(std::string(kube::uid_of(*pod)));
  }
  states_.set_pods(key, uids);
  prober_.set_pods(key, uids);
  Observed seen = observe({.gateway = gateway,
                           .pods = pods,
                           .heard = [this](const std::string& uid) { return states_.get(uid); },
                           .taken_names = std::move(notes.taken_names),
                           .revision = templates.newest.hash,
                           .former_revision = templates.former ? templates.former->hash : std::string(),
                           .template_error = templates.problem.message,
                           .node = [this](const std::string& name) { return node_named(name); },
                           .asked_to_evict = {},
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
  seen.samples = sum_samples(seen.pods, seen.canary, notes.baseline);
  return seen;
}

std::optional<NodeView> Controller::node_named(const std::string& name) const {
  const kube::Object node = caches_.nodes.get(name);
  if (!node) return std::nullopt;
  return view_node(*node);
}

/// Pods with our label but another owner are left alone. They are told of, once: the Service selects them too.
void Controller::report_strangers(const Json& gateway, const std::vector<kube::Object>& pods) {
  for (const kube::Object& pod : pods) {
    if (owned_by(*pod, kube::uid_of(gateway)) || !memory_.is_new_stranger(std::string(kube::uid_of(*pod)))) continue;
    events_.record(gateway, kube::EventType::kWarning, "StrangePod", "Observe",
                   std::string(kube::name_of(*pod)) + " carries the label " + kGatewayLabel +
                       " of this gateway but is not owned by it: it is left alone, yet the Service may select it");
  }
}

/// As an event once; as a condition as long as it lasts.
void Controller::report_problem(const std::string& key, const Json& gateway, const Problem& problem) {
  if (!memory_.is_news(key, problem)) return;
  events_.record(gateway, kube::EventType::kWarning, problem.reason, "Reconcile", problem.message);
}

void Controller::poll_for(const std::string& key, const Observed& seen, const Plan& plan) {
  std::vector<PollTarget> targets;
  for (const PodView& pod : seen.pods) {
    if (pod.finished || pod.terminating || pod.address.empty() || pod.container != ContainerState::kRunning) continue;
    PollTarget target{.uid = pod.uid, .address = pod.address, .key = key, .urgency = PollUrgency::kOther};
    if (plan.watched.contains(pod.uid)) target.urgency = PollUrgency::kWatched;
    const auto& wanted = plan.states_wanted;
    if (std::find(wanted.begin(), wanted.end(), pod.uid) != wanted.end()) target.urgency = PollUrgency::kCandidate;
    if (pod.draining()) target.urgency = PollUrgency::kDraining;
    targets.push_back(std::move(target));
  }
  poller_.set_targets(key, targets);
  fleet_metrics_.note_offline(key, static_cast<int>(std::count_if(seen.pods.begin(), seen.pods.end(),
                                                                  [](const PodView& pod) { return pod.offline(); })));
}

void Controller::forget(const std::string& key) {
  poller_.set_targets(key, {});
  states_.set_pods(key, {});
  prober_.set_pods(key, {});
  fleet_metrics_.note_offline(key, 0);
  pod_writes_.forget(key);
  children_.forget(key);
  history_.forget(key);
  gateway_writes_.forget(key);
  status_writer_.forget(key);
  memory_.forget(key);
}

}  // namespace sluice::op
