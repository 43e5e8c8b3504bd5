// What an informer's cache costs a process: 5,000 pods of about 4 KB through the whole way from the socket (HTTP,
// WatchList, decoder, transform, cache), then a change of each. The API server is a process of its own, so that its
// memory does not count.
//
//   kube_cache_memory [whole|slim|digest] [at-most-MB]     exit code 1 where it is more
//
// Prints `figure kube.cache5000.<what> = VALUE MB`.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/kube/fake_api.h"
#include "common/kube/informer.h"

namespace sluice::kube {
namespace {

constexpr int kPods = 5000;
constexpr int kNamespaces = 5;
constexpr int kGateways = 50;
constexpr Duration kPatience{60'000};

/// As the API server writes a gateway's pod, with the fields that admission and the kubelet add.
Json pod(int number, int version) {
  const std::string gateway = "edge-" + std::to_string(number % kGateways);
  const std::string name = gateway + "-" + std::to_string(number);
  const std::string uid = "0b5c1d2e-77aa-4c1f-9e0d-" + std::to_string(100000000000 + number);
  Json out = Json::parse(R"({
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"creationTimestamp": "2026-11-26T04:00:00Z", "generation": 1,
      "labels": {"app.kubernetes.io/managed-by": "sluice-operator", "app.kubernetes.io/name": "sluice-gateway",
        "sluice.dev/revision": "5d9c7b6f4d", "sluice.dev/traffic": "on", "sluice.dev/state": "active"},
      "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "prometheus.io/scrape": "true"},
      "managedFields": [{"manager": "sluice-operator", "operation": "Update", "apiVersion": "v1",
        "time": "2026-11-26T04:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels":
        {".": {}, "f:sluice.dev/gateway": {}, "f:sluice.dev/revision": {}}, "f:ownerReferences": {".": {}}},
        "f:spec": {"f:containers": {"k:{\"name\":\"gateway\"}": {".": {}, "f:image": {}, "f:ports": {".": {}}}}}}}]},
    "spec": {"volumes": [{"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [
          {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
          {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]}},
        {"name": "admin-keys", "configMap": {"name": "edge-admin-keys", "defaultMode": 420}}],
      "containers": [{"name": "gateway", "image": "registry.example/sluice/gateway:0.1.0",
        "args": ["--config=/etc/sluice/gateway.yaml", "--listen=0.0.0.0:8080", "--admin=0.0.0.0:9901"],
        "ports": [{"name": "traffic", "containerPort": 8080, "protocol": "TCP"},
          {"name": "admin", "containerPort": 9901, "protocol": "TCP"},
          {"name": "metrics", "containerPort": 9902, "protocol": "TCP"}],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
          {"name": "POD_UID", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.uid"}}}],
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "512Mi"}},
        "volumeMounts": [{"name": "admin-keys", "readOnly": true, "mountPath": "/etc/sluice/keys"},
          {"name": "kube-api-access-x7k2p", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 9902, "scheme": "HTTP"}, "timeoutSeconds": 1,
          "periodSeconds": 5, "successThreshold": 1, "failureThreshold": 3},
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent", "securityContext": {"readOnlyRootFilesystem": true, "runAsNonRoot": true}}],
      "restartPolicy": "Always", "terminationGracePeriodSeconds": 330, "dnsPolicy": "ClusterFirst",
      "serviceAccountName": "default", "serviceAccount": "default", "securityContext": {"runAsUser": 65532},
      "schedulerName": "default-scheduler", "tolerations": [
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
      "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority"},
    "status": {"phase": "Running", "conditions": [
        {"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-11-26T04:00:00Z"},
        {"type": "Initialized", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-11-26T04:00:01Z"},
        {"type": "ContainersReady", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-11-26T04:00:03Z"},
        {"type": "Ready", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-11-26T04:00:03Z"}],
      "hostIP": "10.0.0.7", "hostIPs": [{"ip": "10.0.0.7"}], "startTime": "2026-11-26T04:00:00Z", "qosClass": "Burstable",
      "containerStatuses": [{"name": "gateway", "state": {"running": {"startedAt": "2026-11-26T04:00:02Z"}},
        "lastState": {}, "ready": true, "restartCount": 0, "started": true,
        "image": "registry.example/sluice/gateway:0.1.0",
        "imageID": "sha256:3f5c1a7d9b2e4f6081a3c5e7092b4d6f8a1c3e5072941b6d8fa0c2e4160839ab",
        "containerID": "containerd://9b2e4f6081a3c5e7092b4d6f8a1c3e5072941b6d8fa0c2e4160839ab3f5c1a7d"}]}})");
  out["metadata"]["name"] = name;
  out["metadata"]["namespace"] = "tenant-" + std::to_string(number % kNamespaces);
  out["metadata"]["uid"] = uid;
  out["metadata"]["resourceVersion"] = std::to_string(version);
  out["metadata"]["labels"]["sluice.dev/gateway"] = gateway;
  out["metadata"]["ownerReferences"] = {{{"apiVersion", "sluice.dev/v1alpha1"},
                                         {"kind", "RealtimeGateway"},
                                         {"name", gateway},
                                         {"uid", "5e6f7a8b-77aa-4c1f-9e0d-" + gateway},
                                         {"controller", true},
                                         {"blockOwnerDeletion", true}}};
  out["spec"]["nodeName"] = "node-" + std::to_string(number % 200);
  out["status"]["podIP"] = "10.1." + std::to_string(number / 250) + "." + std::to_string(number % 250);
  out["status"]["podIPs"] = {{{"ip", out["status"]["podIP"]}}};
  return out;
}

std::string event(const char* type, int number, int version) {
  return Json{{"type", type}, {"object", pod(number, version)}}.dump() + "\n";
}

/// The whole state, then a change of each pod.
std::string watch() {
  std::string events;
  for (int i = 0; i < kPods; ++i) events += event("ADDED", i, i + 1);
  events += end_of_state_line(std::to_string(kPods));
  for (int i = 0; i < kPods; ++i) events += event("MODIFIED", i, kPods + i + 1);
  return open_watch(events);
}

/// What an operator of gateways looks at; the rest goes.
void slim(Json& pod) {
  const auto keep = [](Json& object, std::initializer_list<const char*> names) {
    for (auto at = object.begin(); at != object.end();) {
      const bool kept = std::any_of(names.begin(), names.end(), [&](const char* name) { return at.key() == name; });
      at = kept ? std::next(at) : object.erase(at);
    }
  };
  keep(pod["metadata"], {"name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences",
                         "creationTimestamp", "deletionTimestamp"});
  keep(pod["spec"], {"nodeName", "containers"});
  keep(pod["spec"]["containers"][0], {"name", "ports"});
  keep(pod["status"], {"phase", "podIP", "conditions", "containerStatuses"});
  Json& conditions = pod["status"]["conditions"];
  for (auto at = conditions.begin(); at != conditions.end();) {
    at = text_at(*at, "/type") == "Ready" ? std::next(at) : conditions.erase(at);
  }
  keep(conditions[0], {"type", "status", "lastTransitionTime"});
  keep(pod["status"]["containerStatuses"][0], {"name", "state", "lastState", "restartCount"});
}

/// As a struct, what slim() leaves.
struct Kept {
  std::string name, ns, uid, version, gateway, owner, node, address, created, deleted, ready_since, ready;
};

Digest digest(const Json& pod) {
  Kept kept{.name = std::string(name_of(pod)),
            .ns = std::string(namespace_of(pod)),
            .uid = std::string(uid_of(pod)),
            .version = std::string(resource_version_of(pod)),
            .gateway = std::string(label_of(pod, "sluice.dev/gateway")),
            .owner = text_at(pod, "/metadata/ownerReferences/0/uid"),
            .node = text_at(pod, "/spec/nodeName"),
            .address = text_at(pod, "/status/podIP"),
            .created = text_at(pod, "/metadata/creationTimestamp"),
            .deleted = text_at(pod, "/metadata/deletionTimestamp"),
            .ready_since = text_at(pod, "/status/conditions/0/lastTransitionTime"),
            .ready = text_at(pod, "/status/conditions/0/status")};
  const auto held = std::make_shared<const Kept>(std::move(kept));
  return {.value = held, .uid = held->uid, .version = held->version};
}

double megabytes_of(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::atof(line.c_str() + field.size() + 1) / 1024;
  }
  return 0;
}

double cpu_ms() {
  return std::chrono::duration<double, std::milli>(thread_cpu_time()).count();
}

void figure(const std::string& name, double value) {
  std::printf("figure kube.cache5000.%s = %.1f MB\n", name.c_str(), value);
}

/// Never returns. Tells its port, and ends with its parent.
[[noreturn]] void serve(int port_pipe) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string reply = watch();
  FakeApi api([&](const std::string&) { return reply; });
  const std::string url = api.config().server;
  if (::write(port_pipe, url.data(), url.size()) < 0) std::_Exit(1);
  ::close(port_pipe);
  for (;;) ::pause();
}

int run(const std::string& kind, double most_mb) {
  int ends[2];
  if (::pipe(ends) != 0) return 2;
  const pid_t server = ::fork();
  if (server == 0) serve(ends[1]);
  ::close(ends[1]);
  std::string url(64, '\0');
  const ssize_t size = ::read(ends[0], url.data(), url.size());
  if (size <= 0) return 2;
  url.resize(static_cast<std::size_t>(size));

  figure("empty", megabytes_of("VmRSS"));
  Config config;
  config.server = url;
  const SystemClock clock;
  Random random{1};
  Client client(config, "cache-memory", nullptr);
  const auto gateway_of = [](const Json& pod) {
    return make_key(namespace_of(pod), label_of(pod, "sluice.dev/gateway"));
  };
  Informer::Options options{.index = gateway_of};
  if (kind != "whole") options.transform = slim;
  if (kind == "digest") options.digest = digest;
  Informer pods(client, clock, random, kube::kPods, std::move(options), nullptr);
  pods.start();
  const SteadyTime begun = clock.steady();
  if (!pods.wait_synced(kPatience)) return 2;
  const double synced_s = std::chrono::duration<double>(clock.steady() - begun).count();
  figure(kind + ".synced", megabytes_of("VmRSS"));
  while (pods.resource_version() != std::to_string(2 * kPods)) {
    if (clock.steady() - begun > kPatience) return 2;
    ::usleep(10'000);  // a measurement, not a test: the informer's thread has the CPU meanwhile
  }
  const double changed = megabytes_of("VmRSS");
  figure(kind + ".changed", changed);
  figure(kind + ".peak", megabytes_of("VmHWM"));
  std::printf("figure kube.cache5000.%s.sync = %.2f s\n", kind.c_str(), synced_s);
  const double begin = cpu_ms();  // not by the wall: what else the machine does must not count
  std::size_t read = 0;
  for (int i = 0; i < kGateways; ++i) {
    const std::string gateway = "tenant-" + std::to_string(i % kNamespaces) + "/edge-" + std::to_string(i);
    read += kind == "digest" ? pods.digests_indexed(gateway).size() : pods.list_indexed(gateway).size();
  }
  std::printf("figure kube.cache5000.%s.indexed = %.3f ms\n", kind.c_str(), (cpu_ms() - begin) / kGateways);
  client.shut_down();
  pods.stop();
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  if (pods.size() != kPods || read != kPods) return 2;
  if (most_mb > 0 && changed > most_mb) {
    std::printf("%.1f MB are more than %.1f MB\n", changed, most_mb);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace sluice::kube

int main(int argc, char** argv) {
  return sluice::kube::run(argc > 1 ? argv[1] : "digest", argc > 2 ? std::atof(argv[2]) : 0);
}
