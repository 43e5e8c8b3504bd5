// Names that the programs share with each other, with the chart, with tests and with whoever reads the objects: a pod's
// labels and annotations, the words that stand in them, the ports of a gateway. Their one home in C++.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

// Labels of a gateway's pods; the first also of what stands beside them.
inline constexpr const char* kGatewayLabel = "sluice.dev/gateway";    ///< The name of the RealtimeGateway.
inline constexpr const char* kStateLabel = "sluice.dev/state";        ///< One of kPodStates.
inline constexpr const char* kTrafficLabel = "sluice.dev/traffic";    ///< Services select the pods with kTrafficOn.
inline constexpr const char* kRevisionLabel = "sluice.dev/revision";  ///< Hash of the template that it was made of.

/// Selects what carries the label of one gateway.
inline std::string gateway_selector(std::string_view gateway) {
  return std::string(kGatewayLabel) + "=" + std::string(gateway);
}

inline constexpr const char* kStateActive = "active";  ///< Serves.
inline constexpr const char* kStateGray =
    "gray";  ///< Comes back from being offline and gets a share of new connections.
inline constexpr const char* kStateOffline = "offline";  ///< Cannot be reached, or is watched before it may come back.
inline constexpr const char* kStateDraining = "draining";  ///< Its connections leave; then it is deleted.
inline constexpr std::array<const char*, 4> kPodStates = {kStateActive, kStateGray, kStateOffline, kStateDraining};

inline constexpr const char* kTrafficOn = "on";
inline constexpr const char* kTrafficOff = "off";

// Annotations of a pod.
/// The decision to drain it, JSON (operator/drain_record.h).
inline constexpr const char* kDrainAnnotation = "sluice.dev/drain";
/// Connections/s that its gateway may have been granted, a number.
inline constexpr const char* kRateAnnotation = "sluice.dev/drain-rate";
/// By whoever knows better than its gateway: what moving one of its connections costs, a number >= 0.
inline constexpr const char* kSessionCostAnnotation = "sluice.dev/session-cost";
/// Why it is out of the fleet and how far its way back is, JSON (operator/health_record.h).
inline constexpr const char* kHealthAnnotation = "sluice.dev/health";

/// Annotation of the RealtimeGateway, "<updateRevision>/<step>", counted from 1: the step is passed whatever its gates
/// say.
inline constexpr const char* kPromoteAnnotation = "sluice.dev/promote";

// Ports of a gateway's pod.
inline constexpr std::uint16_t kWebSocketPort = 8080;
inline constexpr std::uint16_t kWebSocketTlsPort = 8443;
inline constexpr std::uint16_t kAdminPort = 9901;
inline constexpr std::uint16_t kMetricsPort = 9902;

}  // namespace sluice
