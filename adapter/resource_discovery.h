// Learns from the API server which resources it serves.
#pragma once

#include "adapter/known_resources.h"
#include "common/kube/client.h"

namespace sluice::adapter {

/// Discovery as every API server has it, one document for each group version. (The one document for all of them needs
/// Kubernetes 1.26 and leaves out what an aggregated API serves whose group cannot be read.) Threads: any.
class KubeResources final : public ResourceApi {
 public:
  explicit KubeResources(kube::Client& client) : client_(client) {}
  Result<std::vector<GroupVersion>> group_versions() override;
  Result<std::vector<ResourceKind>> resources(const GroupVersion& version) override;

 private:
  kube::Client& client_;
};

}  // namespace sluice::adapter
