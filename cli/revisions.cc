#include "cli/revisions.h"

#include <algorithm>

#include "cli/fleet.h"
#include "cli/numbers.h"
#include "cli/text_width.h"

namespace sluice::cli {
namespace {

using kube::Json;

std::string image_of(const Json& revision) {
  const Json& containers = kube::at_pointer(revision, "/data/template/spec/containers");
  if (containers.is_array()) {
    for (const Json& container : containers) {
      const std::string image = kube::text_at(container, "/image");
      if (kube::text_at(container, "/name") == "gateway" && !image.empty()) return image;
    }
  }
  return kube::text_at(revision, "/data/image");
}

}  // namespace

std::vector<RevisionView> revisions_of(const Json& gateway, const std::vector<Json>& controller_revisions) {
  const std::string prefix = std::string(kube::name_of(gateway)) + "-";
  std::vector<RevisionView> revisions;
  for (const Json& object : controller_revisions) {
    const std::string name(kube::name_of(object));
    const Json& pod_template = kube::at_pointer(object, "/data/template");
    if (!is_controlled_by(object, kube::uid_of(gateway)) || name.rfind(prefix, 0) != 0 || !pod_template.is_object())
      continue;
    revisions.push_back({.number = kube::integer_at(object, "/revision", 0),
                         .hash = name.substr(prefix.size()),
                         .created = std::string(kube::metadata_text(object, "creationTimestamp")),
                         .image = image_of(object),
                         .pod_template = pod_template});
  }
  std::sort(revisions.begin(), revisions.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return revisions;
}

Result<RevisionView> choose_revision(const Json& gateway, const std::vector<RevisionView>& revisions,
                                     std::int64_t number) {
  if (number > 0) {
    const auto found =
        std::find_if(revisions.begin(), revisions.end(), [&](const auto& r) { return r.number == number; });
    if (found == revisions.end())
      return Error{ErrorCode::kInvalid, "unable to find specified revision " + std::to_string(number) + " in history"};
    return *found;
  }
  const Json& present = kube::at_pointer(gateway, "/spec/template");
  const std::string newest = kube::text_at(gateway, "/status/updateRevision");
  for (auto revision = revisions.rbegin(); revision != revisions.rend(); ++revision) {
    if (revision->hash != newest && revision->pod_template != present) return *revision;
  }
  return Error{ErrorCode::kInvalid, "no rollout history found for realtimegateway \"" +
                                        std::string(kube::name_of(gateway)) + "\": there is no former revision"};
}

Json rollback_patch(const Json& gateway, const RevisionView& revision) {
  return Json::array(
      {{{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", kube::resource_version_of(gateway)}},
       {{"op", "add"}, {"path", "/spec/template"}, {"value", revision.pod_template}}});
}

Table history_table(const Json& gateway, const std::vector<RevisionView>& revisions, WallTime now) {
  Table table{.columns = {{.name = "REVISION"},
                          {.name = "HASH"},
                          {.name = "STATE"},
                          {.name = "IMAGE", .width_min = 20},
                          {.name = "AGE"}},
              .rows = {}};
  const std::string newest = kube::text_at(gateway, "/status/updateRevision");
  const std::string current = kube::text_at(gateway, "/status/currentRevision");
  for (const RevisionView& revision : revisions) {
    std::string state = revision.hash == newest ? "newest" : "";
    if (revision.hash == current) state += state.empty() ? "current" : ", current";
    table.rows.push_back({{std::to_string(revision.number)},
                          {printable(revision.hash)},
                          {state.empty() ? "-" : state},
                          {printable(revision.image.empty() ? "<operator's>" : revision.image)},
                          {age_of(revision.created, now)}});
  }
  return table;
}

}  // namespace sluice::cli
