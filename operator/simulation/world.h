// The cluster around the operator as a model in virtual time: an API server's objects with resource versions and
// preconditions (world.cc), nodes with kubelets, a scheduler and a node controller (world_nodes.cc), gateways that hold
// connections and release them at the rate they were ordered, and clients that come back elsewhere
// (world_gateways.cc), evictions of either kind (world_evictions.cc). Deterministic: the seed decides everything.
//
// It is the truth. What the operator believes of it lags behind (cache.h), and its calls may fail (sim_operator.h).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/kube/resource.h"
#include "operator/gateway_state.h"
#include "operator/revisions.h"
#include "operator/spec.h"

namespace sluice::op::simulation {

inline constexpr const char* kNamespace = "live";
inline constexpr const char* kGatewayName = "edge";
inline constexpr const char* kKey = "live/edge";
inline constexpr const char* kImage = "image";
/// A template whose label "v" is this one fails half of its handshakes, and closes half of its connections uncleanly.
inline constexpr const char* kBadVersion = "bad";

/// The process in a pod's container, and what its users have there.
struct Process {
  bool running = false;
  bool reachable = true;  ///< By the operator; its clients do not care.
  bool hung = false;      ///< It answers nobody: operator, kubelet, clients that come. Who is there stays.
  std::int64_t connections = 0;
  std::optional<GatewayDrain> drain;
  std::optional<GatewayShed> shed;
  double tokens = 0;  ///< Connections that it may release now.
  GatewayTotals totals;
  std::int64_t opened = 0;
  double accepted_per_second = 0;
  double failing = 0;      ///< Parts of a handshake that have failed, where its revision is bad.
  int ends_early = 0;      ///< So many times its container ends right after it has begun.
  SteadyTime starts_at{};  ///< When the kubelet starts it, where it does not run.
  SteadyTime ready_at{};   ///< When its probe succeeds, where it runs.
  SteadyTime ends_at{};    ///< When it ends by itself, where it ends early.
  SteadyTime hung_since{};
  SteadyTime hung_until{};
  SteadyTime gone_at{};  ///< When the kubelet kills it, where its pod terminates.
};

struct Pod {
  kube::Json object;
  Process process;
  SteadyTime left_endpoints_at{};  ///< New connections still arrive for a while after it.
};

struct Node {
  kube::Json object;
  bool kubelet = true;                 ///< It talks to the API server and does its work.
  bool cut_off = false;                ///< Its network is away, too: its pods reach nobody.
  bool cordoned = false;               ///< As spec.unschedulable.
  bool kubectl_drains = false;         ///< Somebody asks again and again for the eviction of what is on it.
  SteadyTime away_since{};             ///< Where the kubelet is away.
  SteadyTime ready_since{};            ///< Where the API server calls it ready.
  std::optional<SteadyTime> taint_at;  ///< When the node controller follows a cordon with its taint.
  SteadyTime next_eviction{};
};

/// An Eviction of lifecycle.k8s.io, and what the API's own controller knows of it.
struct EvictionRequest {
  kube::Json object;
  SteadyTime heard_at{};       ///< Of the responder, or when its turn came.
  SteadyTime next_eviction{};  ///< By the responder after ours.
};

enum class Kind { kGateway, kPod, kNode, kEviction };
inline constexpr std::size_t kKinds = 4;

/// One change, as a watch tells it. `object` is null where it was a deletion.
struct Change {
  std::int64_t version = 0;
  Kind kind = Kind::kPod;
  std::string name;
  kube::Object object;
  SteadyTime at{};
};

class World {
 public:
  explicit World(std::uint64_t seed);

  ManualClock clock;
  Random random;

  // The API server. Errors as the real one gives them: kConflict for a version, UID or name that does not fit,
  // kNotFound.
  Result<kube::Json> patch_pod(const std::string& name, const std::string& version, const kube::Json& labels,
                               const kube::Json& annotations);
  Result<kube::Json> create_pod(const kube::Json& pod);
  /// Answers the object as it was left: terminating, or gone for good.
  Result<kube::Json> delete_pod(const std::string& name, const std::string& uid, const std::string& version);
  Result<kube::Json> get_pod(const std::string& name) const;
  void write_status(const kube::Json& status);
  Status write_finalizers(const std::string& version, const kube::Json& finalizers);
  Status drop_promotion(const std::string& version);
  void write_spec(const kube::Json& merge_patch);
  void promote(const std::string& step);
  void delete_gateway();
  Status report_eviction(const std::string& name, const kube::Json& responder);

  // The gateways' admin API. Nothing where no process answers the operator.
  std::optional<GatewayState> state_of(const std::string& uid);
  std::optional<GatewayState> order_drain(const std::string& uid, const std::string& reason, WallTime deadline,
                                          double rate);
  std::optional<GatewayState> end_drain(const std::string& uid);
  std::optional<GatewayState> order_shed(const std::string& uid, const std::string& id, std::int64_t count,
                                         double rate);
  std::optional<GatewayState> end_shed(const std::string& uid);
  /// Over TCP and HTTP, as a probe of a pod that is out.
  [[nodiscard]] bool answers_probe(const std::string& uid) const;

  // What happens to a cluster.
  void crash(Pod& pod);  ///< Its container ends; the kubelet starts it again.
  void crash_often(Pod& pod, int times);
  void hang(Pod& pod, Duration time);
  /// Somebody writes what is the operator's.
  void edit_pod(const std::string& name, const kube::Json& labels, const kube::Json& annotations);
  void lose_pod(const std::string& name);  ///< Somebody deletes it.
  void arrive(std::int64_t clients) { waiting_ += clients; }
  void leave(std::int64_t clients);
  void cordon(const std::string& node);
  void uncordon(const std::string& node);
  /// cluster-autoscaler could do without it (soft taint), or not.
  void mark_candidate(const std::string& node, bool candidate);
  void kubectl_drain(const std::string& node);
  enum class Loss { kKubelet, kNetwork, kPower };
  void lose_node(const std::string& node, Loss loss);
  void return_node(const std::string& node);
  /// It never comes back: its pods are collected. Another one takes its place.
  void replace_node(const std::string& node);
  void ask_eviction(const std::string& pod);
  void withdraw_eviction(const std::string& name);
  /// POST pods/eviction. `last_word` is asked once every budget allows it, before the pod is deleted.
  using LastWord = std::function<void(const Pod& pod)>;
  bool evict(const std::string& pod);
  [[nodiscard]] std::int64_t evicted() const { return evicted_; }
  void on_eviction(LastWord last_word) { last_word_ = std::move(last_word); }

  /// Lets time pass: kubelets, gateways, clients, controllers.
  void advance(Duration time);

  [[nodiscard]] const kube::Json& gateway() const { return gateway_; }
  [[nodiscard]] const std::shared_ptr<const GatewaySpec>& spec() const { return spec_; }
  /// Deleted, and its finalizer is gone.
  [[nodiscard]] bool is_gone() const;
  std::map<std::string, Pod>& pods() { return pods_; }  ///< By name.
  [[nodiscard]] const std::map<std::string, Pod>& pods() const { return pods_; }
  [[nodiscard]] const std::map<std::string, Node>& nodes() const { return nodes_; }
  [[nodiscard]] const std::map<std::string, EvictionRequest>& evictions() const { return evictions_; }
  /// Whether the API server has Evictions at all.
  [[nodiscard]] bool has_evictions() const { return has_evictions_; }
  [[nodiscard]] const Pod* find_by_uid(const std::string& uid) const;
  [[nodiscard]] const Node* node_of(const Pod& pod) const;
  /// Whether pods of that revision do badly.
  [[nodiscard]] bool is_bad(const std::string& revision) const;
  [[nodiscard]] std::int64_t version() const { return version_; }
  [[nodiscard]] const std::deque<Change>& changes() const { return changes_; }
  /// Changes before this index have been dropped.
  [[nodiscard]] std::int64_t first_change() const { return first_change_; }
  [[nodiscard]] std::int64_t waiting() const { return waiting_; }
  [[nodiscard]] std::int64_t clients() const;
  std::vector<Revision>& revisions() { return revisions_; }
  /// Pods that stopped serving, or are gone, by no act of the operator, since this was asked the last time.
  int take_losses() { return std::exchange(losses_, 0); }
  /// How slow handshakes are everywhere.
  void set_handshake_seconds(double seconds) { handshake_seconds_ = seconds; }
  /// Spec, status, nodes and pods, for whoever reads a violation.
  [[nodiscard]] std::string describe() const;
  void forget_changes_before(std::int64_t index);

 private:
  void commit(Pod& pod);
  void commit(Node& node);
  void commit(EvictionRequest& eviction);
  void commit_gateway();
  void tell_gone(Kind kind, const std::string& name);
  Result<kube::Json> terminate(const std::string& name);
  [[nodiscard]] std::string now_text() const;
  Pod* process_of(const std::string& uid);

  void add_node();
  void schedule(Pod& pod);
  void run_kubelet(Pod& pod);
  void run_node_controller(Node& node);
  void miss_kubelet(Pod& pod, const Node& node);
  void set_container(Pod& pod, kube::Json state, bool ready);
  void set_ready(Pod& pod, bool ready);
  void end_process(Pod& pod);
  [[nodiscard]] bool is_cut_off(const Pod& pod) const;

  void release(Pod& pod, Duration time);
  void close(Pod& pod, std::int64_t connections);
  void connect_waiting(Duration time);

  void run_kubectl_drains();
  void run_eviction_controller();

  kube::Json gateway_;
  std::shared_ptr<const GatewaySpec> spec_;
  std::map<std::string, Pod> pods_;
  std::map<std::string, Node> nodes_;
  std::map<std::string, EvictionRequest> evictions_;
  bool has_evictions_ = false;
  std::int64_t evicted_ = 0;
  LastWord last_word_;
  std::vector<Revision> revisions_;
  std::int64_t version_ = 1;
  std::int64_t uids_ = 0;
  std::int64_t nodes_made_ = 0;
  std::int64_t waiting_ = 0;  ///< Clients without a connection.
  int losses_ = 0;
  double handshake_seconds_ = 0.01;
  std::deque<Change> changes_;
  std::int64_t first_change_ = 0;
};

/// Whether a container of the pod runs, as the truth has it.
inline bool runs(const Pod& pod) {
  return pod.process.running;
}
bool is_terminating(const Pod& pod);
bool is_draining(const Pod& pod);
bool is_ready(const Pod& pod);
/// Serves or is about to.
inline bool is_live(const Pod& pod) {
  return !is_terminating(pod) && !is_draining(pod);
}

}  // namespace sluice::op::simulation
