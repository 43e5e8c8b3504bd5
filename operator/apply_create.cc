// The pods that a plan wants made.
#include <map>
#include <mutex>

#include "common/base/contract.h"
#include "common/base/log.h"
#include "operator/apply.h"
#include "operator/apply_parts.h"
#include "operator/eviction.h"
#include "operator/limits.h"
#include "operator/ownership.h"
#include "operator/parallel.h"
#include "operator/render.h"

namespace sluice::op {

using kube::Json;

void Applier::create_pods(const Basis& basis, const std::vector<NewPod>& pods, Applied& applied) {
  std::map<std::string, Json> rendered;  // By revision: its pods differ in their names alone.
  for (const NewPod& pod : pods) {
    if (rendered.contains(pod.revision)) continue;
    Json like = render_pod(basis.gateway, pod.name, pod.revision == basis.newest.hash ? basis.newest : *basis.former);
    if (basis.evictions) add_eviction_responder(like);
    rendered.emplace(pod.revision, std::move(like));
  }
  std::mutex mutex;
  slow_start(static_cast<int>(pods.size()), kWritesInParallelMax, [&](int index) {
    if (parts_.stopping && parts_.stopping()) return false;
    std::set<std::string> taken;
    std::set<std::string> unsure;
    const NewPod& pod = pods[static_cast<std::size_t>(index)];
    const Status created = create_pod(basis, pod, rendered.at(pod.revision), taken, unsure);
    const std::lock_guard lock(mutex);
    applied.taken_names.merge(taken);
    applied.unsure.merge(unsure);
    if (!taken.empty()) wake(applied, Duration(0));
    note(applied, created);
    if (!created && applied.problem.reason.empty()) applied.problem = {"CreateFailed", created.error().message};
    return created.ok();
  });
}

/// Where the answer was lost the name is read back: the next plan may choose another name, if one has become free
/// meanwhile, and would make a pod too many.
Status Applier::create_pod(const Basis& basis, const NewPod& wanted, const Json& like, std::set<std::string>& taken,
                           std::set<std::string>& unsure) {
  const std::string& name = wanted.name;
  Json pod = like;
  pod["metadata"]["name"] = name;
  Result<Json> made = parts_.client.create(kSlimPods, basis.seen.ns, pod, {.known_good = true});
  if (!made && made.error().code == ErrorCode::kConflict) {
    // Ours from an earlier round that the cache does not show yet, or a stranger's.
    Result<Json> there = parts_.client.get(kSlimPods, basis.seen.ns, name);
    if (!there) return there.error();
    if (!owned_by(*there, basis.seen.uid) || kube::label_of(*there, kGatewayLabel) != basis.seen.name) {
      log_warn("a pod of another owner has the name", {{"gateway", basis.key}, {"pod", name}});
      taken.insert(name);
      return Status::success();
    }
    made = std::move(there);
  }
  if (!made) {
    read_back(basis, name, made.error(), unsure);
    return made.error();
  }
  parts_.pod_writes.wrote(basis.key, facts_of(*made));
  log_info("pod made", {{"gateway", basis.key}, {"pod", name}, {"revision", wanted.revision}});
  return Status::success();
}

}  // namespace sluice::op
