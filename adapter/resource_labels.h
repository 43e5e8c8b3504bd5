// The two ways between a rule's labels and the API server's resources: label "pod" is resource pods, resource pods is
// label "pod". Source: sigs.k8s.io/prometheus-adapter pkg/naming (ResourceConverter).
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapter/resource_map.h"
#include "adapter/rules.h"
#include "common/base/result.h"

namespace sluice::adapter {

/// One rule's labels against what the API server serves. Both references live longer. Immutable; threads: any.
class ResourceLabels {
 public:
  ResourceLabels(const Rule& rule, const ResourceMap& resources);

  /// What `label` stands for: an override, else the resource whose label the template makes it, else what the template
  /// read backwards finds in it. Null where it stands for nothing that the API server serves.
  [[nodiscard]] const ResourceKind* resource_of(std::string_view label) const;

  /// The label that stands for `resource`: the first override (in the order of the labels), else the template.
  /// Errors: kInvalid, where the rule has neither.
  [[nodiscard]] Result<std::string> label_of(const ResourceKind& resource) const;

  /// Overrides whose resource the API server does not serve (yet): "queues.foo.dev".
  [[nodiscard]] std::vector<std::string> unknown_overrides() const;

 private:
  const Rule& rule_;
  const ResourceMap& resources_;
  std::unordered_map<std::string, const ResourceKind*> by_label_;  // what the template makes of each resource
};

}  // namespace sluice::adapter
