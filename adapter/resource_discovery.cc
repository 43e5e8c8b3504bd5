#include "adapter/resource_discovery.h"

#include <nlohmann/json.hpp>

#include "adapter/api_read.h"

namespace sluice::adapter {
namespace {

constexpr Duration kReadTimeout{5'000};

}  // namespace

Result<std::vector<GroupVersion>> KubeResources::group_versions() {
  const auto groups = read_api(client_, "/apis", kReadTimeout);
  if (!groups) return groups.error();
  std::vector<GroupVersion> out = read_group_list(*groups);
  out.insert(out.begin(), {"", "v1"});  // the core group is not in the list
  return out;
}

Result<std::vector<ResourceKind>> KubeResources::resources(const GroupVersion& version) {
  const auto list = read_api(client_, (version.group.empty() ? "/api/" : "/apis/") + version.text(), kReadTimeout);
  if (!list) return list.error();
  return read_resource_list(*list);
}

}  // namespace sluice::adapter
