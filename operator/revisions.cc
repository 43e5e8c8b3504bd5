#include "operator/revisions.h"

#include <algorithm>

#include "operator/names.h"
#include "operator/render.h"

namespace sluice::op {
namespace {

using kube::Json;

bool older(const Revision& a, const Revision& b) {
  return a.number < b.number;
}

}  // namespace

std::optional<Revision> read_revision(const Json& controller_revision) {
  Revision revision{.hash = std::string(kube::label_of(controller_revision, kRevisionLabel)),
                    .number = kube::integer_at(controller_revision, "/revision", 0),
                    .pod_template = kube::at_pointer(controller_revision, "/data/template"),
                    .default_image = kube::text_at(controller_revision, "/data/image"),
                    .object_name = std::string(kube::name_of(controller_revision)),
                    .object_uid = std::string(kube::uid_of(controller_revision)),
                    .object_version = std::string(kube::resource_version_of(controller_revision))};
  if (revision.hash.empty() || !revision.pod_template.is_object()) return std::nullopt;
  return revision;
}

Json render_revision(const Json& gateway, const Revision& revision) {
  const std::string name(kube::name_of(gateway));
  return {{"apiVersion", kube::kControllerRevisions.api_version()},
          {"kind", kube::kControllerRevisions.kind},
          {"metadata",
           {{"name", name + "-" + revision.hash},
            {"namespace", std::string(kube::namespace_of(gateway))},
            {"labels", {{kGatewayLabel, name}, {kRevisionLabel, revision.hash}}},
            {"ownerReferences", Json::array({owner_reference(gateway)})}}},
          {"data", {{"template", revision.pod_template}, {"image", revision.default_image}}},
          {"revision", revision.number}};
}

RevisionPlan plan_revisions(std::vector<Revision> known, const Revision& newest, const std::set<std::string>& in_use,
                            int history_limit) {
  std::sort(known.begin(), known.end(), older);
  RevisionPlan plan;
  const auto same =
      std::find_if(known.begin(), known.end(), [&](const Revision& revision) { return revision.hash == newest.hash; });
  if (same == known.end() || same + 1 != known.end()) {
    plan.write = newest;
    plan.write->number = known.empty() ? 1 : known.back().number + 1;
  }
  std::erase_if(
      known, [&](const Revision& revision) { return revision.hash == newest.hash || in_use.contains(revision.hash); });
  const auto limit = static_cast<std::size_t>(std::max(0, history_limit));
  if (known.size() > limit) plan.remove.assign(known.begin(), known.end() - static_cast<std::ptrdiff_t>(limit));
  return plan;
}

bool same_content(const Revision& a, const Revision& b) {
  return a.pod_template == b.pod_template &&
         (a.default_image == b.default_image ||
          revision_of(a.pod_template, a.default_image) == revision_of(b.pod_template, b.default_image));
}

std::optional<Revision> find_revision(const std::vector<Revision>& known, const Revision& wanted) {
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const Revision& revision) { return same_content(revision, wanted); });
  return found == known.end() ? std::nullopt : std::optional(*found);
}

std::optional<Revision> former_revision(const std::vector<Revision>& known, const std::string& newest,
                                        const std::string& current, const std::map<std::string, int>& pods_of) {
  if (current == newest) return std::nullopt;
  const Revision* former = nullptr;
  int most = 0;
  for (const Revision& revision : known) {
    if (revision.hash == newest) continue;
    if (revision.hash == current) return revision;
    const auto pods = pods_of.find(revision.hash);
    if (pods == pods_of.end() || pods->second <= most) continue;
    most = pods->second;
    former = &revision;
  }
  return former == nullptr ? std::nullopt : std::optional(*former);
}

}  // namespace sluice::op
