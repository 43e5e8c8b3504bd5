#include "operator/history.h"

#include "common/base/log.h"
#include "operator/names.h"
#include "operator/ownership.h"
#include "operator/render.h"

namespace sluice::op {

using kube::Json;

std::vector<Revision> History::known(const std::string& key, const Json& gateway) {
  const std::string version = caches_.revisions.resource_version();
  std::vector<Revision> revisions;
  for (const kube::Object& object : writes_.newest(key, caches_.revisions.list_indexed(key), version)) {
    if (!owned_by(*object, kube::uid_of(gateway)) || kube::is_deleting(*object)) continue;
    if (auto revision = read_revision(*object)) revisions.push_back(*std::move(revision));
  }
  return revisions;
}

History::Kept History::keep(const std::string& key, const Json& gateway, const RevisionPlan& plan) {
  Kept kept;
  if (plan.write) kept = write(key, gateway, *plan.write);
  for (const Revision& old : plan.remove) {
    const Status removed = remove(key, gateway, old);
    if (!removed && kept.status) kept.status = removed;
  }
  return kept;
}

/// In place of one that the API server refuses to change. It compares the content byte by byte and encodes it anew for
/// a patch: where that is spelled in another way than Go's (an & or < as it is, blanks of another tool's) every patch
/// counts as a change of the content, which it takes for immutable. Between the two calls nothing is lost: the content
/// is the gateway's present template.
Result<Json> History::make_anew(const Json& there, const Json& wanted) {
  const std::string ns(kube::namespace_of(there));
  const auto removed = client_.remove(
      kube::kControllerRevisions, ns, kube::name_of(there),
      {.uid = std::string(kube::uid_of(there)), .resource_version = std::string(kube::resource_version_of(there))});
  if (!removed && removed.error().code != ErrorCode::kNotFound) return removed.error();
  log_info("a revision that cannot be patched is made anew", {{"namespace", ns}, {"name", kube::name_of(there)}});
  return client_.create(kube::kControllerRevisions, ns, wanted);
}

/// The content of a ControllerRevision never changes; only its number does, where an older template has come back. One
/// that has lost its owner (a backup, a gateway deleted with --cascade=orphan) is taken in again.
History::Kept History::write(const std::string& key, const Json& gateway, const Revision& revision) {
  const Json wanted = render_revision(gateway, revision);
  const std::string name(kube::name_of(wanted));
  const std::string ns(kube::namespace_of(wanted));
  Result<Json> written = client_.create(kube::kControllerRevisions, ns, wanted);
  if (!written && written.error().code == ErrorCode::kConflict) {
    Result<Json> there = client_.get(kube::kControllerRevisions, ns, name);
    if (!there) return {there.error()};
    const std::optional<Revision> known = read_revision(*there);
    if (!may_take(*there, gateway) || !known || !same_content(*known, revision)) {
      log_warn("the name of a revision is taken", {{"gateway", key}, {"name", name}});
      return {.status = Status::success(), .collision = true};
    }
    const bool ours = owned_by(*there, kube::uid_of(gateway));
    Json number{{"metadata", {{"resourceVersion", std::string(kube::resource_version_of(*there))}}},
                {"revision", revision.number}};
    if (!ours) number["metadata"]["ownerReferences"] = Json::array({owner_reference(gateway)});
    if (ours && known->number == revision.number) {
      written = std::move(there);
    } else {
      written = client_.patch(kube::kControllerRevisions, ns, name, kube::PatchType::kMerge, number,
                              {.field_manager = kFieldManager});
      if (!written && written.error().code == ErrorCode::kInvalid) written = make_anew(*there, wanted);
    }
  }
  if (!written) return {written.error().in("ControllerRevision " + name)};
  writes_.wrote(key, *written);
  log_info("revision kept", {{"gateway", key}, {"revision", revision.hash}, {"number", revision.number}});
  return {};
}

Status History::remove(const std::string& key, const Json& gateway, const Revision& revision) {
  const auto removed = client_.remove(kube::kControllerRevisions, kube::namespace_of(gateway), revision.object_name,
                                      {.uid = revision.object_uid});
  if (!removed && removed.error().code != ErrorCode::kNotFound) return removed.error();
  Json gone = render_revision(gateway, revision);
  gone["metadata"]["uid"] = revision.object_uid;
  gone["metadata"]["resourceVersion"] = revision.object_version;
  writes_.removed(key, gone);
  log_info("revision forgotten", {{"gateway", key}, {"revision", revision.hash}});
  return Status::success();
}

}  // namespace sluice::op
