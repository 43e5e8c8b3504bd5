// What the API server's objects are called, and how we look into them.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::kube {

using Json = nlohmann::json;
/// An object as an informer's cache holds it: shared, never changed.
using Object = std::shared_ptr<const Json>;

struct ProtobufMessage;

/// A resource type (GroupVersionResource and its kind).
struct Resource {
  std::string group;    ///< "" for the core group.
  std::string version;  ///< "v1".
  std::string plural;   ///< "pods".
  std::string kind;     ///< "Pod".
  bool namespaced = true;
  /// Where it is set the API server is asked for Protobuf, and answers hold only what it names (protobuf.h); what comes
  /// as JSON nevertheless is whole. Null: JSON. Custom resources have nothing else.
  const ProtobufMessage* message = nullptr;
  /// Where it is set, what is created is sent as Protobuf, if this names all that it says. Null: JSON.
  const ProtobufMessage* written = nullptr;

  /// This type, read in that way.
  [[nodiscard]] Resource read_as(const ProtobufMessage& what) const {
    Resource out = *this;
    out.message = &what;
    return out;
  }
  /// This type, created in that way.
  [[nodiscard]] Resource written_as(const ProtobufMessage& what) const {
    Resource out = *this;
    out.written = &what;
    return out;
  }
  /// "v1" or "apps/v1".
  [[nodiscard]] std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  /// The URL path of the collection, an object, or its subresource: "/api/v1/namespaces/ns/pods/name/status".
  /// An empty `ns` of a namespaced resource means all namespaces (collections only).
  [[nodiscard]] std::string path(std::string_view ns, std::string_view name = {},
                                 std::string_view subresource = {}) const;
};

inline const Resource kPods{"", "v1", "pods", "Pod"};
inline const Resource kServices{"", "v1", "services", "Service"};
inline const Resource kConfigMaps{"", "v1", "configmaps", "ConfigMap"};
inline const Resource kSecrets{"", "v1", "secrets", "Secret"};
inline const Resource kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline const Resource kNodes{"", "v1", "nodes", "Node", false};
inline const Resource kEvents{"events.k8s.io", "v1", "events", "Event"};
inline const Resource kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};
inline const Resource kPodDisruptionBudgets{"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"};
inline const Resource kControllerRevisions{"apps", "v1", "controllerrevisions", "ControllerRevision"};
inline const Resource kSubjectAccessReviews{"authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview",
                                            false};
inline const Resource kTokenReviews{"authentication.k8s.io", "v1", "tokenreviews", "TokenReview", false};
inline const Resource kRealtimeGateways{"sluice.dev", "v1alpha1", "realtimegateways", "RealtimeGateway"};

/// "namespace/name", or "name" for what has no namespace: the key of caches and work queues.
std::string key_of(const Json& object);
std::string make_key(std::string_view ns, std::string_view name);
/// Splits a key again; the namespace is empty where there is none.
struct KeyParts {
  std::string ns;
  std::string name;
};
KeyParts split_key(std::string_view key);

/// -1, 0 or 1 as `a` is older than, the same as or newer than `b`; nothing where one of them is no version that the API
/// server hands out ("", "0"). Meaningful within one resource type. Source: Kubernetes API conventions (comparable
/// resource versions, 1.35).
std::optional<int> compare_resource_versions(std::string_view a, std::string_view b);

// Readers that answer "" / 0 / null instead of throwing where a field is absent or of another type: objects come from
// other programs.
std::string_view metadata_text(const Json& object, std::string_view field);
inline std::string_view name_of(const Json& o) {
  return metadata_text(o, "name");
}
inline std::string_view namespace_of(const Json& o) {
  return metadata_text(o, "namespace");
}
inline std::string_view uid_of(const Json& o) {
  return metadata_text(o, "uid");
}
inline std::string_view resource_version_of(const Json& o) {
  return metadata_text(o, "resourceVersion");
}
inline bool is_deleting(const Json& o) {
  return !metadata_text(o, "deletionTimestamp").empty();
}
std::string_view label_of(const Json& object, std::string_view label);
std::string_view annotation_of(const Json& object, std::string_view annotation);
/// The value at a JSON pointer ("/spec/replicas"), or a null that lives for ever.
const Json& at_pointer(const Json& object, const char* pointer);
/// The first object of `list` whose member `key` is `name` (a condition by its type, a container by its name), or a
/// null that lives for ever.
const Json& entry_named(const Json& list, std::string_view key, std::string_view name);
std::int64_t integer_at(const Json& object, const char* pointer, std::int64_t otherwise);
std::string text_at(const Json& object, const char* pointer, std::string_view otherwise = {});
bool bool_at(const Json& object, const char* pointer, bool otherwise);

}  // namespace sluice::kube
