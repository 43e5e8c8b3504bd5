#include "operator/names.h"
#include "operator/pod_state.h"
#include "operator/render.h"

namespace sluice::op {
namespace {

using kube::Json;

constexpr const char* kKeysVolume = "sluice-admin-keys";
constexpr const char* kKeysPath = "/etc/sluice/admin-keys";
constexpr int kUser = 65532;  ///< The images' non-root user.
constexpr std::int64_t kGraceDefault = 600;

/// Sets `object[field]` where the template says nothing about it.
void fill(Json& object, const char* field, Json value) {
  if (!object.contains(field)) object[field] = std::move(value);
}

/// Appends to the list `object[field]` where it has no entry named as `entry` is.
void fill_named(Json& object, const char* field, Json entry) {
  fill(object, field, Json::array());
  Json& list = object[field];
  if (!list.is_array()) return;  // The dry run will say so in the API server's words.
  for (const Json& existing : list) {
    if (kube::text_at(existing, "/name") == entry["name"]) return;
  }
  list.push_back(std::move(entry));
}

Json http_probe(const char* path, int period_seconds, int failures) {
  return {{"httpGet", {{"path", path}, {"port", "metrics"}}},
          {"periodSeconds", period_seconds},
          {"timeoutSeconds", 2},
          {"failureThreshold", failures}};
}

/// Pod Security "restricted" (kubernetes.io/docs/concepts/security/pod-security-standards).
void fill_security(Json& pod_spec, Json& container) {
  fill(pod_spec, "securityContext", Json::object());
  Json& pod = pod_spec["securityContext"];
  if (pod.is_object()) {
    fill(pod, "runAsNonRoot", true);
    fill(pod, "runAsUser", kUser);
    fill(pod, "runAsGroup", kUser);
    fill(pod, "seccompProfile", {{"type", "RuntimeDefault"}});
  }
  fill(container, "securityContext", Json::object());
  Json& own = container["securityContext"];
  if (own.is_object()) {
    fill(own, "allowPrivilegeEscalation", false);
    fill(own, "readOnlyRootFilesystem", true);
    fill(own, "capabilities", {{"drop", Json::array({"ALL"})}});
  }
}

void fill_container(Json& container, const std::string& default_image, std::int64_t grace_seconds) {
  fill(container, "image", default_image);
  fill_named(container, "ports", {{"name", "ws"}, {"containerPort", kWebSocketPort}});
  fill_named(container, "ports", {{"name", "wss"}, {"containerPort", kWebSocketTlsPort}});
  fill_named(container, "ports", {{"name", "admin"}, {"containerPort", kAdminPort}});
  fill_named(container, "ports", {{"name", "metrics"}, {"containerPort", kMetricsPort}});
  // A pod is taken in within a few seconds and taken out as fast; it is only restarted after half a minute of silence.
  fill(container, "readinessProbe", http_probe("/readyz", 2, 2));
  fill(container, "livenessProbe", http_probe("/healthz", 10, 3));
  fill_named(container, "env",
             {{"name", "SLUICE_POD_UID"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.uid"}}}}}});
  fill_named(container, "env",
             {{"name", "SLUICE_TERMINATION_GRACE_SECONDS"}, {"value", std::to_string(grace_seconds)}});
  fill_named(container, "env", {{"name", "SLUICE_ADMIN_KEYS_DIR"}, {"value", kKeysPath}});
  fill_named(container, "volumeMounts", {{"name", kKeysVolume}, {"mountPath", kKeysPath}, {"readOnly", true}});
}

/// The container "gateway"; made where the template has none.
Json& gateway_container(Json& pod_spec) {
  fill(pod_spec, "containers", Json::array());
  Json& containers = pod_spec["containers"];
  if (!containers.is_array()) containers = Json::array();
  for (Json& container : containers) {
    if (kube::text_at(container, "/name") == kContainerName) return container;
  }
  containers.insert(containers.begin(), Json{{"name", kContainerName}});
  return containers.front();
}

Json object_or_empty(const Json& parent, const char* pointer) {
  const Json& value = kube::at_pointer(parent, pointer);
  return value.is_object() ? value : Json::object();
}

}  // namespace

Json render_pod(const Json& gateway, const std::string& name, const Revision& revision) {
  Json labels = object_or_empty(revision.pod_template, "/metadata/labels");
  labels[kGatewayLabel] = std::string(kube::name_of(gateway));
  labels.update(state_labels(kStateActive, true));
  labels[kRevisionLabel] = revision.hash;
  Json annotations = object_or_empty(revision.pod_template, "/metadata/annotations");
  annotations.erase(kDrainAnnotation);
  annotations.erase(kRateAnnotation);
  annotations.erase(kHealthAnnotation);
  // An eviction ends in the gateway's own drain, and the PDBs say how many may run: the autoscaler need not stay away.
  fill(annotations, "cluster-autoscaler.kubernetes.io/safe-to-evict", "true");

  Json spec = object_or_empty(revision.pod_template, "/spec");
  fill(spec, "restartPolicy", "Always");
  fill(spec, "terminationGracePeriodSeconds", kGraceDefault);
  fill(spec, "automountServiceAccountToken", false);  // A gateway never talks to the API server.
  fill(spec, "enableServiceLinks", false);
  Json& container = gateway_container(spec);
  fill_container(container, revision.default_image,
                 kube::integer_at(spec, "/terminationGracePeriodSeconds", kGraceDefault));
  fill_security(spec, container);
  fill_named(spec, "volumes",
             {{"name", kKeysVolume}, {"configMap", {{"name", keys_config_map_name(kube::name_of(gateway))}}}});

  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", name},
            {"namespace", std::string(kube::namespace_of(gateway))},
            {"labels", std::move(labels)},
            {"annotations", std::move(annotations)},
            {"ownerReferences", Json::array({owner_reference(gateway)})}}},
          {"spec", std::move(spec)}};
}

}  // namespace sluice::op
