#include "adapter/known_resources.h"

#include <algorithm>

#include "adapter/metric_request.h"
#include "common/base/log.h"

namespace sluice::adapter {

KnownResources::KnownResources(ResourceApi& api, const Clock& clock, MetricsRegistry& metrics)
    : api_(api),
      clock_(clock),
      failures_(metrics.counter("sluice_adapter_resource_read_failures_total",
                                "Group versions of the API server, or their list, that could not be read.")) {}

void KnownResources::read_all() {
  auto versions = api_.group_versions();
  note(list_error_, versions ? std::nullopt : std::optional(versions.error()), "the list");
  if (!versions) return;
  std::vector<Group> fresh;
  for (GroupVersion& version : *versions) {
    if (version.group == kApiGroup || version.group == "external.metrics.k8s.io") continue;
    const auto old = std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) { return g.version == version; });
    fresh.push_back(old != groups_.end() ? std::move(*old) : Group{std::move(version), std::nullopt, std::nullopt});
  }
  groups_ = std::move(fresh);
  read_groups(false);
}

void KnownResources::read_failed() {
  if (list_error_) return read_all();
  read_groups(true);
}

void KnownResources::read_groups(bool only_failed) {
  const SteadyTime deadline = clock_.steady() + kBudget;
  for (Group& group : groups_) {
    if (only_failed && !group.error) continue;
    if (clock_.steady() > deadline) {
      note(group.error, Error{ErrorCode::kUnavailable, "the API server took too long for the groups before it"},
           group.version.text());
      continue;
    }
    auto resources = api_.resources(group.version);
    note(group.error, resources ? std::nullopt : std::optional(resources.error()), group.version.text());
    if (resources) group.resources = std::move(*resources);
  }
}

// Logs changes only: an aggregated API may be down for a night.
void KnownResources::note(std::optional<Error>& before, std::optional<Error> now, const std::string& what) {
  if (now) failures_.add();
  const bool news = !before || (now && before->message != now->message);
  if (now && news) log_warn("cannot read the API server's groups", {{"group", what}, {"error", now->message}});
  if (!now && before) log_debug("the API server's group can be read", {{"group", what}});
  before = std::move(now);
}

bool KnownResources::good() const {
  return !list_error_ &&
         std::none_of(groups_.begin(), groups_.end(), [](const Group& g) { return g.error.has_value(); });
}

bool KnownResources::usable() const {
  return std::any_of(groups_.begin(), groups_.end(),
                     [](const Group& g) { return g.version.group.empty() && g.resources; });
}

ResourceMap KnownResources::map() const {
  ResourceMap out;
  for (const Group& group : groups_) {
    if (!group.resources) {
      out.add_unread(group.version.group);
      continue;
    }
    for (const ResourceKind& resource : *group.resources) out.add(resource);
  }
  return out;
}

}  // namespace sluice::adapter
