// The cluster around the operator as a model in virtual time: an API server's objects with resource versions and
// preconditions, kubelets that start, stop and restart containers, gateways that hold connections and release them at
// the rate they were ordered, and clients that come back elsewhere. Deterministic: the seed decides everything.
//
// It is the truth. What the operator believes of it lags behind (cache.h), and its calls may fail (sim_operator.h).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
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

/// The process in a pod's container, and what its users have there.
struct Process {
  bool running = false;
  bool reachable = true;  ///< By the operator; its clients do not care.
  std::int64_t connections = 0;
  std::optional<GatewayDrain> drain;
  std::optional<GatewayShed> shed;
  double tokens = 0;       ///< Connections that it may release now.
  SteadyTime starts_at{};  ///< When the kubelet starts it, where it does not run.
  SteadyTime ready_at{};   ///< When its probe succeeds, where it runs.
  SteadyTime gone_at{};    ///< When the kubelet kills it, where its pod terminates.
};

struct Pod {
  kube::Json object;
  Process process;
  SteadyTime left_endpoints_at{};  ///< New connections still arrive for a while after it.
};

/// One change, as a watch tells it. `object` is null where it was a deletion.
struct Change {
  std::int64_t version = 0;
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
  void write_finalizers(const kube::Json& finalizers);
  void write_spec(const kube::Json& merge_patch);

  // The gateways' admin API. Nothing where no process answers.
  std::optional<GatewayState> state_of(const std::string& uid);
  std::optional<GatewayState> order_drain(const std::string& uid, const std::string& reason, WallTime deadline,
                                          double rate);
  std::optional<GatewayState> end_drain(const std::string& uid);
  std::optional<GatewayState> order_shed(const std::string& uid, const std::string& id, std::int64_t count,
                                         double rate);
  std::optional<GatewayState> end_shed(const std::string& uid);

  // What happens to a cluster.
  void crash(Pod& pod);  ///< Its container ends; the kubelet starts it again.
  void restart_later(Pod& pod, Duration after);
  void arrive(std::int64_t clients) { waiting_ += clients; }
  void leave(std::int64_t clients);

  /// Lets time pass: kubelets, gateways, clients.
  void advance(Duration time);

  [[nodiscard]] const kube::Json& gateway() const { return gateway_; }
  [[nodiscard]] GatewaySpec spec() const { return parse_spec(gateway_); }
  std::map<std::string, Pod>& pods() { return pods_; }  ///< By name.
  [[nodiscard]] const std::map<std::string, Pod>& pods() const { return pods_; }
  [[nodiscard]] std::int64_t version() const { return version_; }
  [[nodiscard]] const std::deque<Change>& changes() const { return changes_; }
  /// Changes before this index have been dropped.
  [[nodiscard]] std::int64_t first_change() const { return first_change_; }
  [[nodiscard]] std::int64_t waiting() const { return waiting_; }
  std::vector<Revision>& revisions() { return revisions_; }
  /// Spec, status and pods, for whoever reads a violation.
  [[nodiscard]] std::string describe() const;
  void forget_changes_before(std::int64_t index);
  /// Writes a changed object and tells of it.
  void commit(Pod& pod);

 private:
  void run_kubelet(Pod& pod);
  void release(Pod& pod, Duration time);
  void connect_waiting();
  void commit_gateway();
  Pod* find_by_uid(const std::string& uid);
  void set_container(Pod& pod, const char* state, bool ready);

  kube::Json gateway_;
  std::map<std::string, Pod> pods_;
  std::vector<Revision> revisions_;
  std::int64_t version_ = 1;
  std::int64_t uids_ = 0;
  std::int64_t waiting_ = 0;  ///< Clients without a connection.
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

}  // namespace sluice::op::simulation
