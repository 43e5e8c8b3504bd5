#include "adapter/resource_discovery.h"

#include <nlohmann/json.hpp>

#include "adapter/metric_request.h"
#include "common/base/log.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

Result<Json> read(kube::Client& client, const std::string& path) {
  const auto response = client.raw("GET", path);
  if (!response) return response.error();
  if (response->status != 200) return kube::error_from_status(response->status, response->body, "GET " + path);
  Json body = Json::parse(response->body, nullptr, false);
  if (body.is_discarded()) return Error{ErrorCode::kInvalid, "GET " + path + ": the answer is no JSON"};
  return body;
}

void add_all(ResourceMap& map, const Json& list) {
  for (ResourceKind& resource : read_resource_list(list)) map.add(std::move(resource));
}

}  // namespace

Result<ResourceMap> discover_resources(kube::Client& client) {
  const auto core = read(client, "/api/v1");
  if (!core) return core.error();
  const auto groups = read(client, "/apis");
  if (!groups) return groups.error();
  ResourceMap map;
  add_all(map, *core);
  for (const GroupVersion& version : read_group_list(*groups)) {
    if (version.group == kApiGroup || version.group == "external.metrics.k8s.io") continue;
    const auto list = read(client, "/apis/" + version.group + "/" + version.version);
    if (list) {
      add_all(map, *list);
    } else {
      log_debug("cannot read an API group's resources", {{"group", version.group}, {"error", list.error().message}});
    }
  }
  return map;
}

}  // namespace sluice::adapter
