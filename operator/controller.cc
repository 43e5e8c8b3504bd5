#include "operator/controller.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/process_memory.h"
#include "operator/limits.h"
#include "operator/names.h"
#include "operator/reconcile_metrics.h"
#include "operator/rollout_news.h"
#include "operator/signing_keys.h"

namespace sluice::op {
namespace {

using kube::Json;

/// After a failure a key comes again within 30 s at the latest: a drain must not sleep through the API server's return.
const Backoff kRetry{.first = Duration(5), .most = Duration(30'000), .factor = 2.0, .jitter = 0.0};
constexpr Duration kPrepareRetry{5'000};

std::optional<Duration> sooner(std::optional<Duration> a, std::optional<Duration> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

Controller::Controller(kube::Client& client, Caches& caches, AdminClient& admin, kube::EventRecorder& events,
                       const Clock& clock, MetricsRegistry& metrics, Options options)
    : client_(client),
      caches_(caches),
      admin_(admin),
      events_(events),
      clock_(clock),
      options_(std::move(options)),
      metrics_(std::make_unique<ReconcileMetrics>(metrics, options_.workers)),
      fleet_metrics_(metrics),
      queue_(clock, {.name = kControllerName, .backoff = kRetry}, &metrics),
      event_latency_(clock, metrics),
      pod_writes_(clock),
      gateway_writes_(clock),
      memory_(clock),
      poller_(admin, states_, clock, [this](const PollTarget& target, bool changed) { heard(target, changed); }),
      evictions_(client, caches, clock, [this](const std::string& ns, const std::string& pod) { evicted(ns, pod); }),
      prober_(clock, metrics, [this](const std::string& key) { look_within(Duration(0), key); }),
      broadcaster_(admin, metrics),
      children_(client, caches, clock),
      history_(client, caches, clock),
      template_check_(client, clock),
      status_writer_(client, gateway_writes_, clock),
      budget_metrics_(metrics),
      drain_news_(memory_, events),
      applier_({client, admin, states_, pod_writes_, gateway_writes_, events, clock, metrics,
                [this] { return !pause(Duration(0)); }}) {
  watch_caches();
}

Controller::~Controller() {
  stop();
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
  evictions_.stop();
  prober_.stop();
  broadcaster_.stop();
}

void Controller::run() {
  if (!prepare()) return;
  poller_.start();
  event_latency_.restart();
  prober_.start();
  log_info("controller started", {{"workers", options_.workers}});
  for (int i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
  if (!pause(kStartupLasts)) return;
  forget_startup();
  // For as long as it leads: an API server that is upgraded may have Evictions later.
  while (pause(kEvictionsRecheck)) evictions_.look();
}

/// Caches first: to act on half a picture would make pods that exist already. False where the operator stops meanwhile.
bool Controller::prepare() {
  while (!caches_.wait_synced(kPrepareRetry)) {
    log_warn("still waiting for the first lists from the API server");
    if (!pause(Duration(0))) return false;
  }
  evictions_.look();
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

bool Controller::pause(Duration time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

void Controller::work() {
  while (const std::optional<kube::WorkQueue::Item> item = queue_.get_with_priority()) {
    const std::string& key = item->key;
    // What was queued before stop() is left to the next leader.
    if (!pause(Duration(0))) {
      queue_.done(key);
      continue;
    }
    const Turn turn = turn_of(key);
    if (turn.kind != Turn::Kind::kPaced) event_latency_.begun(key);
    if (turn.kind == Turn::Kind::kLooks) look_at(*item);
    if (turn.kind == Turn::Kind::kNothingNew) metrics_->nothing_new.add();
    queue_.done(key);
    if (turn.again) queue_.add_after(key, *turn.again, item->priority);
  }
}

/// What is to be done with a key that the queue has given out. A look counts as begun.
Controller::Turn Controller::turn_of(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.steady();
  // The queue keeps one time a key, the soonest: a later one that is still wanted has to be told to it again.
  const std::optional<Duration> due = due_.in(key, now);
  if (due != Duration(0)) return {Turn::Kind::kNothingNew, due};
  if (const Duration wait = pace_.wait(key, now); wait > Duration(0)) return {Turn::Kind::kPaced, wait};
  due_.begun(key);
  return {Turn::Kind::kLooks, std::nullopt};
}

void Controller::look_at(const kube::WorkQueue::Item& item) {
  const SteadyTime begin = clock_.steady();
  const SteadyTime::duration cpu_before = thread_cpu_time();
  metrics_->active.add(1);
  finish(item, reconcile(item.key));
  metrics_->active.add(-1);
  metrics_->seconds.observe(std::chrono::duration<double>(clock_.steady() - begin).count());
  const std::lock_guard lock(mutex_);
  pace_.took(item.key, thread_cpu_time() - cpu_before, clock_.steady());
}

/// What comes again does so at the priority that it came with.
void Controller::finish(const kube::WorkQueue::Item& item, const Outcome& outcome) {
  const std::string& key = item.key;
  if (outcome.status) {
    queue_.forget(key);
    if (outcome.requeue_after) look_within(*outcome.requeue_after, key, item.priority);
    (outcome.requeue_after ? metrics_->requeue_after : metrics_->success).add();
    return;
  }
  const Error& error = outcome.status.error();
  const Duration wait = queue_.add_rate_limited(key, item.priority);
  {
    const std::lock_guard lock(mutex_);
    due_.want(key, clock_.steady() + wait);
  }
  if (outcome.requeue_after) look_within(*outcome.requeue_after, key, item.priority);
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
  const std::vector<PodPtr> pods = newest_pods(key);
  report_strangers(gateway, pods);

  const Templates templates = templates_of(key, gateway, spec, pods, outcome);
  note_templates(key, templates);
  Problem problem = templates.problem;
  const Observed seen = look(key, gateway, spec, templates, pods);
  if (seen.orphaned) memory_.note_orphaned(key, seen.uid);
  if (keeps_children(seen)) keep(outcome.status, children_.ensure(key, gateway, public_pems_, problem));

  const Plan plan = plan_gateway(spec, seen, clock_.wall());
  const Basis basis{key, gateway, spec, seen, pods, templates.newest, templates.former, evictions_.knows()};
  const Problem met = carry_out(basis, plan, outcome);
  if (problem.reason.empty()) problem = met;
  if (outcome.gone) return outcome;

  report_problem(key, gateway, problem);
  // Once more, with what was just written: status and polls are about the present.
  std::optional<Observed> again;
  if (acts(plan)) again = look(key, gateway, spec, templates, newest_pods(key));
  const Observed& after = again ? *again : seen;
  poll_for(key, spec, after, plan);
  evictions_.report(spec, after);
  const kube::Object newest = newest_gateway(key);
  if (!newest || (seen.deleting && !seen.finalized)) return outcome;
  const Json status = compute_status(*newest, spec, after, plan, problem, clock_.wall());
  budget_metrics_.show(key, status["budget"]);
  const auto written = status_writer_.write(key, *newest, status);
  if (written) {
    if (!*written) tell_rollout(*newest, status, plan, spec);
    outcome.requeue_after = sooner(outcome.requeue_after, *written);
  } else {
    keep(outcome.status, written.error().in("status"));
  }
  return outcome;
}

/// Applies the plan and remembers what came of it. Answers why no progress is made, if so.
Problem Controller::carry_out(const Basis& basis, const Plan& plan, Outcome& outcome) {
  const Applied applied = applier_.apply(basis, plan);
  remember(basis.key, basis.seen, plan, applied);
  heal(basis, plan, applied);
  drain_news_.tell(basis, plan, clock_.wall());
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
  if (holds) memory_.note_baseline(key, take_baseline(seen.pods, canary, memory_.of(key).baseline));
  memory_.note_progress(key, plan.progress);
}

/// Pods with our label but another owner are left alone. They are told of, once: the Service selects them too.
void Controller::report_strangers(const Json& gateway, const std::vector<PodPtr>& pods) {
  for (const PodPtr& pod : pods) {
    if (pod->owned_by(kube::uid_of(gateway)) || !memory_.is_new_stranger(pod->uid)) continue;
    events_.record(gateway, kube::EventType::kWarning, "StrangePod", "Observe",
                   pod->name + " carries the label " + kGatewayLabel +
                       " of this gateway but is not owned by it: it is left alone, yet the Service may select it");
  }
}

/// As an event once; as a condition as long as it lasts.
void Controller::report_problem(const std::string& key, const Json& gateway, const Problem& problem) {
  if (!memory_.is_news(key, problem)) return;
  events_.record(gateway, kube::EventType::kWarning, problem.reason, "Reconcile", problem.message);
}

/// What has just been written to the status.
void Controller::tell_rollout(const Json& gateway, const Json& status, const Plan& plan, const GatewaySpec& spec) {
  const RolloutNews news = rollout_news(kube::at_pointer(gateway, "/status"), status, plan.canary, spec);
  for (const Announcement& event : news.events) {
    events_.record(gateway, event.warning ? kube::EventType::kWarning : kube::EventType::kNormal, event.reason,
                   event.action, event.note);
  }
  for (const std::string& result : news.results) metrics_->rollouts.at(result).add();
}

void Controller::forget(const std::string& key) {
  poller_.forget(key);
  states_.set_pods(key, {});
  prober_.set_pods(key, {});
  fleet_metrics_.note_offline(key, 0);
  pod_writes_.forget(key);
  children_.forget(key);
  history_.forget(key);
  gateway_writes_.forget(key);
  status_writer_.forget(key);
  budget_metrics_.forget(key);
  memory_.forget(key);
  const std::lock_guard lock(mutex_);
  looked_by_.erase(key);
  pace_.forget(key);
}

}  // namespace sluice::op
