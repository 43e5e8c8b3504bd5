// A RealtimeGateway and its pods as status shows them: the resource's status, the pods' objects and what their gateways
// count now, merged. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/pod_metrics.h"
#include "common/base/clock.h"
#include "common/kube/resource.h"

namespace sluice::cli {

/// What a gateway counted, and when it was asked.
struct LiveFigure {
  PodMetrics metrics;
  SteadyTime at{};
};
using LiveFigures = std::map<std::string, LiveFigure>;  ///< By the pod's UID.

/// What --watch remembers of drains from one look to the next. Nothing here is needed for a single look.
class DrainMemory {
 public:
  /// A look at a draining pod: `remaining` connections at `at`.
  void note(const std::string& uid, double remaining, SteadyTime at);
  /// Connections/s that have gone, over the last ten seconds or so; nothing before two looks.
  [[nodiscard]] std::optional<double> rate(const std::string& uid) const;
  /// The most that it had at a look.
  [[nodiscard]] std::optional<double> most(const std::string& uid) const;
  /// Forgets pods that are not among them.
  void keep(const std::set<std::string>& uids);

 private:
  struct Entry {
    std::vector<std::pair<SteadyTime, double>> looks;  ///< At most kLooksMax, oldest first.
    double most = 0;
  };
  static constexpr std::size_t kLooksMax = 6;
  std::map<std::string, Entry> entries_;
};

struct DrainView {
  std::string reason;
  std::string phase;              ///< As in status.drains, else by the record on the pod.
  std::optional<double> initial;  ///< Connections at its begin.
  std::optional<double> remaining;
  double granted = 0;              ///< Connections/s of the budget.
  std::optional<double> measured;  ///< Connections/s that go, as --watch saw it.
  std::optional<Duration> eta;
  std::optional<WallTime> deadline;

  /// 0 to 1; nothing where nobody knows.
  [[nodiscard]] std::optional<double> done() const;
};

struct PodView {
  std::string name;
  std::string uid;
  std::string
      state;  ///< The label sluice.dev/state, or what is in the way: "Pending", "CrashLoopBackOff", "Terminating".
  std::string revision;
  bool updated = false;  ///< Of the newest revision.
  bool ready = false;
  std::string node;
  std::string created;  ///< RFC 3339.
  bool traffic = true;
  bool asked_to_go = false;           ///< In podsToDrain.
  std::optional<double> connections;  ///< As its gateway counts them now.
  std::optional<DrainView> drain;
};

struct ConditionView {
  std::string type;
  std::string reason;
  std::string message;
  std::string since;  ///< RFC 3339.
  bool bad = false;   ///< A person should look.
};

struct FleetView {
  std::string ns;
  std::string name;
  std::int64_t wanted = 0, serving = 0, ready = 0, updated = 0, draining = 0;
  std::string connections;  ///< "481k": live where every serving pod has answered, else as in the status.
  std::string rollout;      ///< "Canary 40%", or empty.
  std::string update_revision;
  bool observed = true;                   ///< The status is about the present spec.
  std::vector<ConditionView> conditions;  ///< Those that say something now.
  std::vector<std::string> notes;         ///< Of the spec: paused, frozen, pods asked to go.
  std::vector<PodView> pods;              ///< Draining ones first, then by name.
};

/// `pods`: those with the gateway's label; others' are left out by the controller reference.
FleetView merge_fleet(const kube::Json& gateway, const std::vector<kube::Object>& pods, const LiveFigures& live,
                      const DrainMemory& memory, WallTime now);

/// Whether `pod` is controlled by the object with this UID.
bool is_controlled_by(const kube::Json& pod, std::string_view uid);
/// Whether its gateway can be asked: it runs, and has an address.
bool can_be_asked(const kube::Json& pod);

}  // namespace sluice::cli
