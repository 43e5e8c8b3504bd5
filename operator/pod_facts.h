// What a Pod says of itself, as far as the operator reads it: made once, when the cache takes the object in or a write
// is answered, and read at every look. Pure. Source: core/v1 Pod.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/boxed.h"
#include "common/base/clock.h"
#include "common/base/contract.h"
#include "common/kube/protobuf.h"
#include "common/kube/resource.h"
#include "operator/drain_record.h"
#include "operator/health_record.h"
#include "operator/pod_wire.h"

namespace sluice::op {

/// What the kubelet says of the container "gateway".
enum class ContainerState {
  kNeverStarted,  ///< No process of it has run yet: it cannot hold a connection.
  kRunning,
  kStopped,  ///< It ran and is not running now (crash, back-off); its connections died with it.
};

struct PodFacts {
  std::string ns;
  std::string name;
  std::string uid;
  std::string resource_version;
  std::string gateway_label;  ///< Label sluice.dev/gateway.
  std::string owner_uid;      ///< Of its controller reference; empty where nobody controls it.
  std::string revision;       ///< Label sluice.dev/revision.
  std::string state_label = kStateActive;
  std::string traffic_label = kTrafficOn;
  std::string address;  ///< "10.0.0.7:9901" of the admin API; empty until the pod has an address.
  int ws_port = kWebSocketPort;
  int wss_port = kWebSocketTlsPort;
  int metrics_port = kMetricsPort;
  std::string node;  ///< Where it runs; empty until it is scheduled.
  WallTime created{};

  ContainerState container = ContainerState::kRunning;
  std::string waits_for;  ///< Why it does not run, in the kubelet's word ("ImagePullBackOff"); empty where it does.
  bool ready = false;
  WallTime ready_since{};    ///< Only where ready.
  bool backing_off = false;  ///< The container keeps ending: the kubelet waits before it starts it again.
  bool terminating = false;  ///< metadata.deletionTimestamp is set: it goes, whoever asked for it.
  WallTime killed_at{};      ///< Only where terminating: its grace period is over then.
  Duration grace{0};         ///< Of that, as the deletion asked for it.
  bool finished = false;     ///< Phase Failed or Succeeded: no container of it will ever run again.

  std::optional<double> session_cost;  ///< Annotation sluice.dev/session-cost; counts instead of what the gateway says.
  bool session_cost_bad = false;       ///< The annotation is there but no number >= 0: it is ignored.

  bool drain_annotated = false;   ///< The annotation is there, readable or not.
  Boxed<DrainRecord> drain;       ///< The annotation, where it can be read.
  double rate_recorded = 0;       ///< Annotation sluice.dev/drain-rate; no order in effect grants more.
  bool health_annotated = false;  ///< The annotation is there, readable or not.
  Boxed<HealthRecord> health;     ///< The annotation, where it can be read.

  bool operator==(const PodFacts&) const = default;
  /// Whether `other` differs in its resourceVersion at most: somebody has written what we do not read.
  [[nodiscard]] bool says_no_more_than(const PodFacts& other) const;
  /// "10.0.0.7:8080"; empty until the pod has an address.
  [[nodiscard]] std::string address_of(int port) const;
  /// Whether `owner`'s UID is in its controller reference. Labels alone make no pod ours.
  [[nodiscard]] bool owned_by(std::string_view owner) const { return !owner.empty() && owner_uid == owner; }
};

/// As the caches and own_writes.h hand it out.
using PodPtr = std::shared_ptr<const PodFacts>;

/// What facts_of() reads, and what the API server's answers are to hold.
extern const kube::ProtobufMessage kSlimPod;
inline const kube::Resource kSlimPods = kube::kPods.read_as(kSlimPod).written_as(kCreatedPod);
PodFacts facts_of(const kube::Json& pod);
/// "namespace/name" of the RealtimeGateway that its label names.
std::string gateway_key_of(const PodFacts& pod);

}  // namespace sluice::op
