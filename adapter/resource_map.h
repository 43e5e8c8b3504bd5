// Which resources the API server serves and what they are called: "realtimegateways.sluice.dev" is kind RealtimeGateway
// of sluice.dev/v1alpha1, namespaced. What client-go calls a RESTMapper. Source: meta/v1 APIResourceList, APIGroupList.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "adapter/rules.h"

namespace sluice::adapter {

struct ResourceKind {
  std::string group;
  std::string version;
  std::string plural;
  std::string singular;
  std::string kind;
  bool namespaced = true;

  [[nodiscard]] GroupResource group_resource() const { return {group, plural}; }
};

/// The resources of one group and version; subresources are left out.
std::vector<ResourceKind> read_resource_list(const nlohmann::json& api_resource_list);

/// The group versions of an APIGroupList in the server's order, each group's preferred version first: {"apps", "v1"}.
struct GroupVersion {
  std::string group;  ///< "" for the core group.
  std::string version;

  /// "v1" or "apps/v1".
  [[nodiscard]] std::string text() const { return group.empty() ? version : group + "/" + version; }
  bool operator==(const GroupVersion&) const = default;
};
std::vector<GroupVersion> read_group_list(const nlohmann::json& api_group_list);

/// Immutable once filled. Threads: any, then.
class ResourceMap {
 public:
  /// The first one of a group's resource stays: add preferred versions first.
  void add(ResourceKind resource);
  /// The API server has this group too, but what is in it could not be read yet.
  void add_unread(std::string group) { unread_.insert(std::move(group)); }
  [[nodiscard]] bool is_unread(const std::string& group) const { return unread_.contains(group); }

  /// `wanted.resource` may be plural, singular or the kind in lower case. Without a group the core group wins, then the
  /// server's order. A group matches exactly, else with its dots and dashes written as underscores (as a label has to
  /// write them), else as a prefix. Null where there is none.
  [[nodiscard]] const ResourceKind* find(const GroupResource& wanted) const;
  [[nodiscard]] std::size_t size() const { return resources_.size(); }
  [[nodiscard]] const std::vector<ResourceKind>& all() const { return resources_; }

 private:
  std::vector<ResourceKind> resources_;              // in order of priority
  std::multimap<std::string, std::size_t> by_name_;  // plural, singular and kind, in lower case
  std::set<std::string> unread_;
};

/// A group as a label has to write it: "sluice.dev" becomes "sluice_dev".
std::string sanitize_group(std::string group);

}  // namespace sluice::adapter
