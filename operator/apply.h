// Carries out a plan: writes to the API server, calls to gateways. Every write is conditional on what the plan was made
// from (resource version, UID) or idempotent by name, so that a stale cache, a second operator or a crash in between
// can cost a retry but never act twice.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/kube/client.h"
#include "common/kube/events.h"
#include "operator/admin_api.h"
#include "operator/announce.h"
#include "operator/observe.h"
#include "operator/own_writes.h"
#include "operator/plan.h"
#include "operator/revisions.h"
#include "operator/state_store.h"
#include "operator/status.h"

namespace sluice::op {

/// What a plan was made from.
struct Basis {
  const std::string& key;  ///< "namespace/name" of the RealtimeGateway.
  const kube::Json& gateway;
  const GatewaySpec& spec;
  const Observed& seen;
  const std::vector<PodPtr>& pods;  ///< What is behind seen.pods.
  const Revision& newest;
  const std::optional<Revision>& former;  ///< Set where seen.former_revision names one.
  bool evictions = false;                 ///< The API server has Evictions: new pods name us as their responder.
};

struct Applied {
  /// The first failure that the reconcile should be repeated for. Gateways that did not answer are none: wake_after.
  Status status;
  Problem problem;                     ///< Why pods could not be made.
  std::set<std::string> taken_names;   ///< Pod names that turned out to be somebody else's.
  std::set<std::string> unsure;        ///< Names of pods that were written to, nobody knows whether with success.
  std::optional<Duration> wake_after;  ///< Something was answered that the next plan should see.
  std::vector<AdminCall::Peer> peers;  ///< What the fleet should hear of its pods.
  bool reversed = false;               ///< A drain was taken back.
  bool gone = false;                   ///< The finalizer is removed: there is nothing left to write to.
};

/// Reads a pod from the API server into what counts as observed, since the cache may not show yet what was written to
/// it. A pod that is gone, or whose name a stranger has by now, is no failure.
Status read_pod(kube::Client& client, PodWrites& pod_writes, const std::string& key, const std::string& ns,
                const std::string& name);

/// Threads: any; one key at a time.
class Applier {
 public:
  struct Parts {
    kube::Client& client;
    AdminApi& admin;
    StateStore& states;
    PodWrites& pod_writes;
    ObjectWrites& gateway_writes;
    kube::EventRecorder& events;
    const Clock& clock;
    MetricsRegistry& metrics;
    /// Asked before each pod is made or deleted: who waits for us to end must not wait for hundreds of them.
    std::function<bool()> stopping;
  };
  explicit Applier(Parts parts);

  Applied apply(const Basis& basis, const Plan& plan);

 private:
  void write_finalizers(const Basis& basis, bool ours, Applied& applied);
  void drop_promotion(const Basis& basis, Applied& applied);
  void remove_finalizer(const Basis& basis, Applied& applied);
  void remove_pods(const Basis& basis, const std::vector<DeletePod>& removals, Applied& applied);
  void cancel_drains(const Basis& basis, const std::vector<CancelDrain>& cancels, Applied& applied);
  void start_drains(const Basis& basis, const std::vector<StartDrain>& starts, Applied& applied);
  void relabel(const Basis& basis, const std::vector<Relabel>& relabels, Applied& applied);
  void make_health_metrics() const;
  void set_health(const Basis& basis, const std::vector<SetHealth>& changes, Applied& applied);
  void shed(const Basis& basis, const std::vector<ShedOrder>& orders, Applied& applied);
  void unshed(const std::vector<PodRef>& pods, Applied& applied);
  void rewrite_drains(const Basis& basis, const std::vector<RewriteDrain>& rewrites, Applied& applied);
  void record_rates(const Basis& basis, const std::vector<RecordRate>& records, Applied& applied);
  void give_orders(const Basis& basis, const std::vector<DrainOrder>& orders, Applied& applied);
  void undrain(const std::vector<PodRef>& pods, Applied& applied);
  void create_pods(const Basis& basis, const std::vector<NewPod>& pods, Applied& applied);

  /// `metadata`: a merge patch of it.
  void read_back(const Basis& basis, const std::string& pod, const Error& error, std::set<std::string>& unsure);
  Status patch_pod(const Basis& basis, const PodRef& pod, kube::Json metadata, std::set<std::string>& unsure);
  Status remove_pod(const Basis& basis, const DeletePod& removal);
  Status create_pod(const Basis& basis, const NewPod& wanted, const kube::Json& like, std::set<std::string>& taken,
                    std::set<std::string>& unsure);
  /// Calls all, keeps what they answer. Unset where a call failed.
  std::vector<std::optional<GatewayState>> call_gateways(const std::vector<AdminCall>& calls);
  void say(const kube::Json& gateway, const Announcement& announcement);
  void count_end(const DeletePod& removal) const;
  void count_end(const char* outcome) const;

  const Parts parts_;
};

}  // namespace sluice::op
