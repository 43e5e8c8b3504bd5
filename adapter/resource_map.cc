#include "adapter/resource_map.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/kube/resource.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

// How well a resource's group fits the wanted one: 0 best, 3 not at all.
int group_distance(const std::string& have, const std::string& wanted) {
  if (wanted.empty() || have == wanted) return 0;
  if (sanitize_group(have) == wanted) return 1;
  return have.starts_with(wanted) ? 2 : 3;
}

}  // namespace

std::vector<ResourceKind> read_resource_list(const Json& list) {
  const std::string group_version = kube::text_at(list, "/groupVersion");
  const std::size_t slash = group_version.find('/');
  ResourceKind common;
  if (slash != std::string::npos) common.group = group_version.substr(0, slash);
  common.version = slash == std::string::npos ? group_version : group_version.substr(slash + 1);

  std::vector<ResourceKind> out;
  const Json& resources = kube::at_pointer(list, "/resources");
  if (!resources.is_array()) return out;
  for (const Json& entry : resources) {
    ResourceKind resource = common;
    resource.plural = kube::text_at(entry, "/name");
    resource.kind = kube::text_at(entry, "/kind");
    if (resource.plural.empty() || resource.kind.empty()) continue;
    if (resource.plural.find('/') != std::string::npos) continue;  // a subresource
    resource.singular = kube::text_at(entry, "/singularName");
    if (resource.singular.empty()) resource.singular = lower(resource.kind);
    resource.namespaced = kube::bool_at(entry, "/namespaced", false);
    out.push_back(std::move(resource));
  }
  return out;
}

std::vector<GroupVersion> read_group_list(const Json& list) {
  std::vector<GroupVersion> out;
  const Json& groups = kube::at_pointer(list, "/groups");
  if (!groups.is_array()) return out;
  for (const Json& group : groups) {
    const std::string name = kube::text_at(group, "/name");
    const std::string preferred = kube::text_at(group, "/preferredVersion/version");
    if (name.empty()) continue;
    if (!preferred.empty()) out.push_back({name, preferred});
    const Json& versions = kube::at_pointer(group, "/versions");
    if (!versions.is_array()) continue;
    for (const Json& entry : versions) {
      const std::string version = kube::text_at(entry, "/version");
      if (!version.empty() && version != preferred) out.push_back({name, version});
    }
  }
  return out;
}

void ResourceMap::add(ResourceKind resource) {
  const auto [first, last] = by_name_.equal_range(resource.plural);
  const bool known = std::any_of(first, last, [&](const auto& entry) {
    const ResourceKind& other = resources_[entry.second];
    return other.group == resource.group && other.plural == resource.plural;
  });
  if (known) return;
  const std::size_t index = resources_.size();
  by_name_.emplace(resource.plural, index);
  if (resource.singular != resource.plural) by_name_.emplace(resource.singular, index);
  const std::string kind = lower(resource.kind);
  if (kind != resource.singular && kind != resource.plural) by_name_.emplace(kind, index);
  resources_.push_back(std::move(resource));
}

const ResourceKind* ResourceMap::find(const GroupResource& wanted) const {
  const auto [first, last] = by_name_.equal_range(wanted.resource);
  const ResourceKind* best = nullptr;
  int best_distance = 3;
  for (auto at = first; at != last; ++at) {
    const ResourceKind& candidate = resources_[at->second];
    const int distance = group_distance(candidate.group, wanted.group);
    // Equal distances: the earlier one, since the vector is in order of priority and its address grows with it.
    if (distance < best_distance || (distance == best_distance && best != nullptr && &candidate < best)) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string sanitize_group(std::string group) {
  std::replace_if(
      group.begin(), group.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return group;
}

}  // namespace sluice::adapter
