#include "cli/session.h"

#include "common/kube/config.h"

namespace sluice::cli {

using kube::Json;

Result<kube::Config> connection_of(const Parsed& parsed) {
  kube::ConfigOverrides overrides;
  overrides.kubeconfig = parsed.text("kubeconfig");
  overrides.context = parsed.text("context");
  overrides.cluster = parsed.text("cluster");
  overrides.user = parsed.text("user");
  overrides.ns = parsed.text("namespace");
  overrides.server = parsed.text("server");
  overrides.token = parsed.text("token");
  overrides.certificate_authority = parsed.text("certificate-authority");
  overrides.tls_server_name = parsed.text("tls-server-name");
  overrides.insecure_skip_verify = parsed.on("insecure-skip-tls-verify");
  overrides.as = parsed.text("as");
  overrides.as_uid = parsed.text("as-uid");
  overrides.as_groups = parsed.texts("as-group");
  if (parsed.has("request-timeout")) {
    const Result<Duration> timeout = kube::parse_request_timeout(parsed.text("request-timeout"));
    if (!timeout) return timeout.error();
    overrides.request_timeout = *timeout;
  }
  return kube::resolve_config(overrides);
}

Result<Json> get_gateway(Session& session, const std::string& name) {
  return session.client.get(kube::kRealtimeGateways, session.ns, name);
}

Result<std::vector<Json>> get_gateways(Session& session, const Parsed& parsed) {
  if (!parsed.arguments.empty()) {
    const Result<std::string> name = gateway_argument(parsed.arguments.front());
    if (!name) return name.error();
    if (session.ns.empty()) {
      return Error{ErrorCode::kInvalid, "a resource cannot be retrieved by name across all namespaces"};
    }
    Result<Json> gateway = get_gateway(session, *name);
    if (!gateway) return gateway.error();
    return std::vector<Json>{*std::move(gateway)};
  }
  Result<Json> list = session.client.list(kube::kRealtimeGateways, session.ns);
  if (!list) return list.error();
  std::vector<Json> gateways;
  for (Json& item : (*list)["items"]) gateways.push_back(std::move(item));
  return gateways;
}

Result<Json> get_one_gateway(Session& session, const Parsed& parsed) {
  Result<std::vector<Json>> gateways = get_gateways(session, parsed);
  if (!gateways) return gateways.error();
  if (gateways->empty()) return Error{ErrorCode::kInvalid, "there is no RealtimeGateway in namespace " + session.ns};
  if (gateways->size() > 1) {
    return Error{ErrorCode::kInvalid, "there are " + std::to_string(gateways->size()) +
                                          " RealtimeGateways in namespace " + session.ns + ": name one"};
  }
  return std::move(gateways->front());
}

std::string nothing_found(const Session& session) {
  if (session.ns.empty()) return "No resources found";
  return "No resources found in " + session.ns + " namespace.";
}

}  // namespace sluice::cli
