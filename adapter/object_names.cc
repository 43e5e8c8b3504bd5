#include "adapter/object_names.h"

#include <nlohmann/json.hpp>

#include "adapter/api_read.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

// An HPA waits for it: later it is of no use to anybody.
constexpr Duration kListTimeout{5'000};

kube::Informer::Options pod_options() {
  kube::Informer::Options options;
  options.transform = shrink_pod;
  return options;
}

std::optional<std::string_view> label(const Json& object, std::string_view key) {
  const Json& labels = kube::at_pointer(object, "/metadata/labels");
  if (!labels.is_object()) return std::nullopt;
  const auto found = labels.find(std::string(key));
  if (found == labels.end() || !found->is_string()) return std::nullopt;
  return std::string_view(found->get_ref<const std::string&>());
}

bool is_pods(const ResourceKind& resource) {
  return resource.group.empty() && resource.plural == "pods";
}

Error not_synced() {
  return {ErrorCode::kUnavailable, "the cache of pods is not filled yet"};
}

}  // namespace

void shrink_pod(Json& pod) {
  Json small = {{"metadata", Json::object()}};
  const Json& metadata = kube::at_pointer(pod, "/metadata");
  for (const char* field : {"name", "namespace", "uid", "resourceVersion", "labels", "deletionTimestamp"}) {
    const auto found = metadata.find(field);
    if (found != metadata.end()) small["metadata"][field] = *found;
  }
  const std::string phase = kube::text_at(pod, "/status/phase");
  if (!phase.empty()) small["status"]["phase"] = phase;
  pod = std::move(small);
}

bool pod_counts(const Json& pod) {
  const std::string phase = kube::text_at(pod, "/status/phase");
  return !kube::is_deleting(pod) && phase != "Failed" && phase != "Succeeded";
}

WatchedObjects::WatchedObjects(kube::Client& client, const Clock& clock, Random& random, MetricsRegistry& metrics)
    : client_(client), pods_(client, clock, random, kube::kPods, pod_options(), &metrics) {}

Result<std::vector<std::string>> WatchedObjects::names(const ResourceKind& resource, std::string_view ns,
                                                       const LabelSelector& selector) {
  std::vector<std::string> out;
  if (is_pods(resource)) {
    if (!pods_.synced()) return not_synced();
    for (const kube::Object& pod : pods_.list_namespace(ns)) {
      if (!pod_counts(*pod)) continue;
      if (!selector.matches([&](std::string_view key) { return label(*pod, key); })) continue;
      out.emplace_back(kube::name_of(*pod));
    }
    return out;
  }
  const kube::Resource listed{resource.group, resource.version, resource.plural, resource.kind, resource.namespaced};
  // What the API server has in its own cache is fresh enough, and costs etcd nothing.
  std::string path = listed.path(ns) + "?resourceVersion=0&resourceVersionMatch=NotOlderThan";
  if (!selector.empty()) path += "&labelSelector=" + http::url_encode(selector.text());
  const auto list = read_api(client_, path, kListTimeout);
  if (!list) return list.error();
  const Json& items = kube::at_pointer(*list, "/items");
  if (items.is_array()) {
    for (const Json& item : items) out.emplace_back(kube::name_of(item));
  }
  return out;
}

Result<bool> WatchedObjects::has(const ResourceKind& resource, std::string_view ns, std::string_view name) {
  if (!is_pods(resource)) return true;
  if (!pods_.synced()) return not_synced();
  const kube::Object pod = pods_.get(kube::make_key(ns, name));
  return pod != nullptr && pod_counts(*pod);
}

}  // namespace sluice::adapter
