// The history of a RealtimeGateway's template: a ControllerRevision for each, as StatefulSet and DaemonSet keep theirs.
// What stands in one is enough to make a pod of it again. Pure; history.h writes and removes them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/kube/resource.h"

namespace sluice::op {

/// A template that pods are made of. Its hash is the label sluice.dev/revision.
struct Revision {
  std::string hash;
  std::int64_t number = 0;    ///< ControllerRevision.revision: the newest has the highest.
  kube::Json pod_template;    ///< spec.template as it was.
  std::string default_image;  ///< The operator's at that time, for a template that names none.
  std::string object_name;
  std::string object_uid;
  std::string object_version;  ///< resourceVersion.
};

/// Nothing where the object is none of ours, or cannot be read.
std::optional<Revision> read_revision(const kube::Json& controller_revision);
/// `<gateway>-<hash>`.
kube::Json render_revision(const kube::Json& gateway, const Revision& revision);

struct RevisionPlan {
  std::optional<Revision> write;  ///< The newest template is new, or an older one has come back and gets a new number.
  std::vector<Revision> remove;   ///< Oldest first.
};

/// `newest` without a number; `in_use`: hashes of pods and status, which stay whatever the limit says.
RevisionPlan plan_revisions(std::vector<Revision> known, const Revision& newest, const std::set<std::string>& in_use,
                            int history_limit);

/// Whether pods of both would be the same. Names may differ: the hash also depends on collisions at the time.
bool same_content(const Revision& a, const Revision& b);
/// The one among `known` that has the content of `wanted`: a template that comes back is the revision that it was.
std::optional<Revision> find_revision(const std::vector<Revision>& known, const Revision& wanted);

/// The one that pods are made of beside the newest while a rollout is not through: `current` (status.currentRevision),
/// or where that is not known the one that most pods are of. Nothing where `current` is the newest, or where nobody
/// knows any more how to make a pod of it: then what is missing is made of the newest, as a StatefulSet does.
std::optional<Revision> former_revision(const std::vector<Revision>& known, const std::string& newest,
                                        const std::string& current, const std::map<std::string, int>& pods_of);

}  // namespace sluice::op
