#include "operator/render.h"

#include <algorithm>
#include <limits>

#include "operator/names.h"
#include "operator/spec.h"

namespace sluice::op {
namespace {

using kube::Json;

/// As many available pods as nobody has: every eviction is refused.
constexpr std::int32_t kNoEviction = std::numeric_limits<std::int32_t>::max();

Json metadata(const Json& gateway, const std::string& name) {
  return {{"name", name},
          {"namespace", std::string(kube::namespace_of(gateway))},
          {"labels", {{kGatewayLabel, std::string(kube::name_of(gateway))}}},
          {"ownerReferences", Json::array({owner_reference(gateway)})}};
}

Json object_of(const kube::Resource& resource, Json metadata) {
  return {{"apiVersion", resource.api_version()}, {"kind", resource.kind}, {"metadata", std::move(metadata)}};
}

Json port(const char* name, int number) {
  return {{"name", name}, {"port", number}, {"targetPort", name}, {"protocol", "TCP"}};
}

}  // namespace

Json owner_reference(const Json& gateway) {
  return {{"apiVersion", kube::kRealtimeGateways.api_version()},
          {"kind", kube::kRealtimeGateways.kind},
          {"name", std::string(kube::name_of(gateway))},
          {"uid", std::string(kube::uid_of(gateway))},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

Json render_service(const Json& gateway) {
  const std::string name(kube::name_of(gateway));
  Json service = object_of(kube::kServices, metadata(gateway, name));
  service["spec"] = {{"selector", {{kGatewayLabel, name}, {kTrafficLabel, kTrafficOn}}},
                     {"ports", Json::array({port("ws", kWebSocketPort), port("wss", kWebSocketTlsPort)})}};
  return service;
}

Json render_pdb(const Json& gateway) {
  const std::string name(kube::name_of(gateway));
  Json pdb = object_of(kube::kPodDisruptionBudgets, metadata(gateway, name));
  // Said as how many must stay: for `maxUnavailable` the disruption controller asks our scale subresource at each event
  // of a pod, which it learns to find half a minute after our CRD. Either way a pod too many, the replacement of one
  // that is to drain, would let an eviction through. Source: k8s.io/kubernetes, pkg/controller/disruption,
  // getExpectedPodCount.
  const GatewaySpec spec = parse_spec(gateway);
  const int unavailable = spec.disruption_unavailable.of(spec.replicas, Round::kUp);
  // Where none is wanted those that are left wait for their drain.
  const bool none = spec.replicas == 0 || unavailable == 0;
  pdb["spec"] = {
      {"minAvailable", none ? kNoEviction : std::max(spec.replicas - unavailable, 0)},
      {"selector",
       {{"matchLabels", {{kGatewayLabel, name}}},
        {"matchExpressions",
         Json::array(
             {{{"key", kStateLabel}, {"operator", "In"}, {"values", Json::array({kStateActive, kStateGray})}}})}}}};
  return pdb;
}

Json render_draining_pdb(const Json& gateway) {
  const std::string name(kube::name_of(gateway));
  Json pdb = object_of(kube::kPodDisruptionBudgets, metadata(gateway, draining_pdb_name(name)));
  pdb["spec"] = {{"minAvailable", kNoEviction},
                 {"selector", {{"matchLabels", {{kGatewayLabel, name}, {kStateLabel, kStateDraining}}}}}};
  return pdb;
}

Json render_keys(const Json& gateway, const std::map<std::string, std::string>& public_pems) {
  Json config_map = object_of(kube::kConfigMaps, metadata(gateway, keys_config_map_name(kube::name_of(gateway))));
  config_map["data"] = Json::object();
  for (const auto& [id, pem] : public_pems) config_map["data"][id + ".pem"] = pem;
  return config_map;
}

bool covers(const Json& live, const Json& wanted) {
  if (wanted.is_object()) {
    if (!live.is_object()) return false;
    return std::all_of(wanted.items().begin(), wanted.items().end(), [&](const auto& field) {
      const auto it = live.find(field.key());
      return it != live.end() && covers(*it, field.value());
    });
  }
  if (wanted.is_array()) {
    return live.is_array() && live.size() == wanted.size() &&
           std::equal(live.begin(), live.end(), wanted.begin(), covers);
  }
  return live == wanted;
}

}  // namespace sluice::op
