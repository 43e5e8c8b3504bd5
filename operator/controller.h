// The reconcile loop. Events only say which RealtimeGateway to look at; each look starts from scratch:
//
//   observe (caches, own writes, polled states) -> plan (pure) -> apply (conditional writes) -> status
//
// so that it does not matter which events came, how often, or what happened before a crash.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/kube/client.h"
#include "common/kube/events.h"
#include "common/kube/work_queue.h"
#include "operator/admin_client.h"
#include "operator/apply.h"
#include "operator/broadcast.h"
#include "operator/budget_metrics.h"
#include "operator/caches.h"
#include "operator/children.h"
#include "operator/debug_plan.h"
#include "operator/drain_news.h"
#include "operator/event_latency.h"
#include "operator/eviction_watch.h"
#include "operator/fleet_metrics.h"
#include "operator/history.h"
#include "operator/look_due.h"
#include "operator/look_pace.h"
#include "operator/memory.h"
#include "operator/probes.h"
#include "operator/state_poller.h"
#include "operator/state_store.h"
#include "operator/status_writer.h"
#include "operator/template_check.h"

namespace sluice::op {

struct ReconcileMetrics;

class Controller {
 public:
  struct Options {
    std::string ns;             ///< The operator's own namespace, for the signing key.
    std::string watch_ns;       ///< As the caches have it. Empty: all namespaces.
    std::string default_image;  ///< For templates that name none.
    int workers = 4;            ///< RealtimeGateways that are reconciled at once.
  };
  /// Adds its handlers to `caches`, which must not have been started. References outlive the controller.
  Controller(kube::Client& client, Caches& caches, AdminClient& admin, kube::EventRecorder& events, const Clock& clock,
             MetricsRegistry& metrics, Options options);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  /// Begins to act: only as the leader. Answers at once; work begins when the caches are synced and the signing key is
  /// there.
  void start();
  /// Lets the reconciles under way finish and acts no more. The lease may be released after it.
  void stop();

  /// What a reconcile of `key` ("namespace/name") would look at now, for questions (debug_plan.h); nothing where this
  /// process has not reconciled it. Threads: any.
  std::optional<PlanBasis> look_again(const std::string& key);

 private:
  struct Outcome {
    Status status;
    std::optional<Duration> requeue_after;
    bool gone = false;  ///< The finalizer is removed: there is nothing left to write to.
  };

  /// The first failure counts.
  static void keep(Status& first, const Status& status) {
    if (first) first = status;
  }

  void watch_caches();
  void enqueue(const std::string& key, int priority);
  void touched(const std::string& key, int priority);
  void look_within(Duration after, const std::string& key, int priority = kube::kNormalPriority);
  void run();
  bool prepare();
  Status read_newest();
  void work();
  struct Turn {
    enum class Kind {
      kLooks,
      kPaced,       ///< It is to be looked at, but a look is dear and the last one was just now.
      kNothingNew,  ///< Nothing that a look reads has changed.
    };
    Kind kind;
    std::optional<Duration> again;  ///< The queue is to be told of the key again after it.
  };
  Turn turn_of(const std::string& key);
  void look_at(const kube::WorkQueue::Item& item);
  void finish(const kube::WorkQueue::Item& item, const Outcome& outcome);
  void heard(const PollTarget& target, bool changed);
  void evicted(const std::string& ns, const std::string& pod);

  Outcome reconcile(const std::string& key);
  Outcome reconcile_gateway(const std::string& key, const kube::Json& gateway);
  kube::Object newest_gateway(const std::string& key);
  std::vector<PodPtr> newest_pods(const std::string& key);
  Status settle_writes(const std::string& key);
  /// What pods are made of.
  struct Templates {
    Revision newest;
    std::optional<Revision> former;  ///< While a rollout to the newest is not through.
    Problem problem;                 ///< Why none is made of the newest.
  };
  Templates templates_of(const std::string& key, const kube::Json& gateway, const GatewaySpec& spec,
                         const std::vector<PodPtr>& pods, Outcome& outcome);
  void note_templates(const std::string& key, const Templates& templates);
  Observed look(const std::string& key, const kube::Json& gateway, const GatewaySpec& spec, const Templates& templates,
                const std::vector<PodPtr>& pods);
  Problem carry_out(const Basis& basis, const Plan& plan, Outcome& outcome);
  void remember(const std::string& key, const Observed& seen, const Plan& plan, const Applied& applied);
  void report_strangers(const kube::Json& gateway, const std::vector<PodPtr>& pods);
  void report_problem(const std::string& key, const kube::Json& gateway, const Problem& problem);
  void heal(const Basis& basis, const Plan& plan, const Applied& applied);
  void tell_rollout(const kube::Json& gateway, const kube::Json& status, const Plan& plan, const GatewaySpec& spec);
  void poll_for(const std::string& key, const GatewaySpec& spec, const Observed& seen, const Plan& plan);
  void forget(const std::string& key);
  bool pause(Duration time);

  kube::Client& client_;
  Caches& caches_;
  AdminClient& admin_;
  kube::EventRecorder& events_;
  const Clock& clock_;
  const Options options_;
  std::unique_ptr<ReconcileMetrics> metrics_;
  FleetMetrics fleet_metrics_;

  kube::WorkQueue queue_;
  EventLatency event_latency_;
  StateStore states_;
  PodWrites pod_writes_;
  ObjectWrites gateway_writes_;
  Memory memory_;
  StatePoller poller_;
  EvictionWatch evictions_;
  Prober prober_;
  Broadcaster broadcaster_;
  Children children_;
  History history_;
  TemplateCheck template_check_;
  StatusWriter status_writer_;
  BudgetMetrics budget_metrics_;
  DrainNews drain_news_;
  Applier applier_;

  std::map<std::string, std::string> public_pems_;  ///< By key id. Set before the workers start.

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  LookDue due_;
  LookPace pace_;
  std::map<std::string, Templates> looked_by_;  ///< By key: of the last reconcile, without the templates themselves.
  std::thread runner_;
  std::vector<std::thread> workers_;
};

}  // namespace sluice::op
