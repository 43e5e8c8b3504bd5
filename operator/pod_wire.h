// A Pod as it is created, in Protobuf: of pods that come by the thousand the API server decodes each, and JSON takes it
// ten times as long. A pod that says more than this table knows (volumes that are seldom, dnsConfig, hostAliases,
// supplementalGroups, what a newer Kubernetes has) is sent as JSON. Source: k8s.io/api core/v1 generated.proto.
#pragma once

#include "common/kube/protobuf.h"

namespace sluice::op {

extern const kube::ProtobufMessage kCreatedPod;

}  // namespace sluice::op
