#include "adapter/resource_labels.h"

#include <nlohmann/json.hpp>

#include "adapter/promql.h"

namespace sluice::adapter {
namespace {

Result<std::string> from_template(const Rule& rule, const ResourceKind& resource) {
  return rule.label_template->render({{"Group", sanitize_group(resource.group)}, {"Resource", resource.singular}});
}

}  // namespace

ResourceLabels::ResourceLabels(const Rule& rule, const ResourceMap& resources) : rule_(rule), resources_(resources) {
  if (!rule.label_template) return;
  // Forwards, not by the pattern: a group's underscores were dots, and no pattern can tell where it ends.
  for (const ResourceKind& resource : resources.all()) {
    const auto label = from_template(rule, resource);
    if (label) by_label_.emplace(*label, &resource);
  }
}

const ResourceKind* ResourceLabels::resource_of(std::string_view label) const {
  const std::string name(label);
  const auto named = rule_.overrides.find(name);
  if (named != rule_.overrides.end()) return resources_.find(named->second);
  const auto made = by_label_.find(name);
  if (made != by_label_.end()) return made->second;
  GroupResource wanted;
  if (!rule_.label_pattern || !rule_.label_pattern->expand(label, "${group}", wanted.group) ||
      !rule_.label_pattern->expand(label, "${resource}", wanted.resource)) {
    return nullptr;
  }
  return resources_.find(wanted);
}

Result<std::string> ResourceLabels::label_of(const ResourceKind& resource) const {
  for (const auto& [label, wanted] : rule_.overrides) {
    const ResourceKind* found = resources_.find(wanted);
    if (found != nullptr && found->group == resource.group && found->plural == resource.plural) return label;
  }
  const std::string what = "rule " + std::to_string(rule_.number) + ": resources: ";
  if (!rule_.label_template) {
    return Error{ErrorCode::kInvalid, what + "no label stands for " + resource.group_resource().text()};
  }
  auto label = from_template(rule_, resource);
  if (!label) return label.error().in(what + "template");
  if (!is_label_name(*label)) return Error{ErrorCode::kInvalid, what + "\"" + *label + "\" is no label name"};
  return label;
}

std::vector<std::string> ResourceLabels::unknown_overrides() const {
  std::vector<std::string> out;
  for (const auto& [label, wanted] : rule_.overrides) {
    if (resources_.find(wanted) == nullptr) out.push_back(wanted.text());
  }
  return out;
}

}  // namespace sluice::adapter
