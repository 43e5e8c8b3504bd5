#include "operator/children.h"

#include "common/base/log.h"
#include "operator/names.h"
#include "operator/observe.h"
#include "operator/render.h"

namespace sluice::op {
namespace {

bool has_controller(const kube::Json& object) {
  const kube::Json& references = kube::at_pointer(object, "/metadata/ownerReferences");
  if (!references.is_array()) return false;
  for (const kube::Json& reference : references) {
    if (kube::bool_at(reference, "/controller", false)) return true;
  }
  return false;
}

}  // namespace

Status Children::ensure(const std::string& key, const kube::Json& gateway,
                        const std::map<std::string, std::string>& public_pems, Problem& problem) {
  Status first;
  const auto ensure_all = [&](const kube::Resource& resource, const kube::Informer& cache, const kube::Json& wanted) {
    const Status ensured = ensure_one(key, resource, cache, gateway, wanted, problem);
    if (!ensured && first) first = ensured;
  };
  // The keys first: pods wait for the ConfigMap that they mount.
  ensure_all(kube::kConfigMaps, caches_.config_maps, render_keys(gateway, public_pems));
  ensure_all(kube::kServices, caches_.services, render_service(gateway));
  ensure_all(kube::kPodDisruptionBudgets, caches_.pdbs, render_pdb(gateway));
  ensure_all(kube::kPodDisruptionBudgets, caches_.pdbs, render_draining_pdb(gateway));
  return first;
}

Status Children::ensure_one(const std::string& key, const kube::Resource& resource, const kube::Informer& cache,
                            const kube::Json& gateway, const kube::Json& wanted, Problem& problem) {
  const std::string name(kube::name_of(wanted));
  const std::string scope = key + "/" + resource.plural + "/" + name;
  const std::string version = cache.resource_version();
  std::vector<kube::Object> known;
  if (kube::Object cached = cache.get(kube::key_of(wanted))) known.push_back(std::move(cached));
  known = writes_.newest(scope, std::move(known), version);

  const auto foreign = [&](const kube::Json& object) {
    return has_controller(object) && !owned_by(object, kube::uid_of(gateway));
  };
  const auto report = [&] {
    problem = {"NameTaken", resource.kind + " " + name +
                                " belongs to another owner and is left alone; the gateway "
                                "cannot work without its own: rename one of them"};
    return Status::success();
  };
  if (!known.empty() && foreign(*known.front())) return report();
  if (!known.empty() && covers(*known.front(), wanted)) return Status::success();
  if (known.empty()) {
    // What is there without our label does not show in the cache.
    const auto there = client_.get(resource, kube::namespace_of(wanted), name);
    if (there && foreign(*there)) return report();
    if (!there && there.error().code != ErrorCode::kNotFound) return there.error();
  }
  const auto applied = client_.patch(resource, kube::namespace_of(wanted), name, kube::PatchType::kApply, wanted,
                                     {.field_manager = kFieldManager, .force = true});
  if (!applied) return applied.error();
  writes_.wrote(scope, *applied);
  log_info("object applied", {{"gateway", key}, {"kind", resource.kind}, {"name", name}});
  return Status::success();
}

}  // namespace sluice::op
