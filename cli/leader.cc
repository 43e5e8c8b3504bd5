#include "cli/leader.h"

namespace sluice::cli {
namespace {

using kube::Json;

constexpr const char* kLease = "sluice-operator";
constexpr int kProbePort = 8080;
constexpr Duration kPlanTimeout{20'000};
constexpr std::size_t kPlanBytesMax = 4u << 20;

}  // namespace

std::string holder_pod(const Json& lease) {
  const std::string holder = kube::text_at(lease, "/spec/holderIdentity");
  return holder.substr(0, std::min(holder.rfind('_'), holder.size()));
}

int probe_port(const Json& pod) {
  const Json& containers = kube::at_pointer(pod, "/spec/containers");
  if (!containers.is_array()) return kProbePort;
  for (const Json& container : containers) {
    const Json& ports = kube::at_pointer(container, "/ports");
    if (!ports.is_array()) continue;
    for (const Json& port : ports) {
      if (kube::text_at(port, "/name") != "metrics") continue;
      return static_cast<int>(kube::integer_at(port, "/containerPort", kProbePort));
    }
  }
  return kProbePort;
}

std::string plan_path(const std::string& ns, const std::string& name, std::optional<std::int64_t> replicas) {
  std::string path = "/debug/v1/plan?namespace=" + http::url_encode(ns) + "&name=" + http::url_encode(name);
  if (replicas) path += "&replicas=" + std::to_string(*replicas);
  return path;
}

Result<LeaderAnswer> ask_leader(Session& session, const std::string& operator_namespace, const std::string& ns,
                                const std::string& name, std::optional<std::int64_t> replicas) {
  const Result<Json> lease = session.client.get(kube::kLeases, operator_namespace, kLease);
  if (!lease && lease.error().code == ErrorCode::kNotFound) {
    return Error{ErrorCode::kInvalid, std::string("no operator is known: there is no Lease ") + kLease +
                                          " in namespace " + operator_namespace +
                                          " (--operator-namespace names another)"};
  }
  if (!lease) return lease.error();
  const std::string pod_name = holder_pod(*lease);
  if (pod_name.empty())
    return Error{ErrorCode::kUnavailable,
                 "no operator leads now: nobody holds the Lease " + operator_namespace + "/" + kLease};
  const Result<Json> pod = session.client.get(kube::kPods, operator_namespace, pod_name);
  if (!pod && pod.error().code == ErrorCode::kNotFound) {
    return Error{ErrorCode::kUnavailable, "the operator that leads, " + operator_namespace + "/" + pod_name +
                                              ", is no pod, or is gone: ask again once another leads"};
  }
  if (!pod) return pod.error();
  const Result<std::string> text =
      session.client.proxy_get(operator_namespace, pod_name, probe_port(*pod), plan_path(ns, name, replicas),
                               {.timeout = kPlanTimeout, .bytes_max = kPlanBytesMax});
  if (!text) return text.error();
  Json plan = Json::parse(*text, nullptr, false);
  if (!plan.is_object())
    return Error{ErrorCode::kInvalid, "the answer of operator " + pod_name + " is no plan: is it of another version?"};
  return LeaderAnswer{std::move(plan), operator_namespace + "/" + pod_name};
}

}  // namespace sluice::cli
