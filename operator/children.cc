#include "operator/children.h"

#include "common/base/log.h"
#include "operator/names.h"
#include "operator/ownership.h"
#include "operator/render.h"

namespace sluice::op {
namespace {

Problem name_taken(const kube::Resource& resource, const kube::Json& object, const kube::Json& gateway) {
  const std::string what = resource.kind + " " + std::string(kube::name_of(object));
  if (!controller_uid(object).empty()) {
    return {"NameTaken", what +
                             " belongs to another owner and is left alone; the gateway cannot work without its own: "
                             "rename one of them"};
  }
  return {"NameTaken",
          what +
              " was not made for this gateway and is left alone; rename the gateway, delete the object, or "
              "hand it over with the label " +
              gateway_selector(kube::name_of(gateway))};
}

}  // namespace

Children::Seen Children::look(const kube::Json& gateway, const std::map<std::string, std::string>& public_pems) const {
  const std::string_view ns = kube::namespace_of(gateway);
  const std::string_view name = kube::name_of(gateway);
  const std::string own = kube::make_key(ns, name);
  return {std::string(kube::uid_of(gateway)),
          kube::integer_at(gateway, "/metadata/generation", 0),
          public_pems,
          {caches_.config_maps.get(kube::make_key(ns, keys_config_map_name(name))), caches_.services.get(own),
           caches_.pdbs.get(own), caches_.pdbs.get(kube::make_key(ns, draining_pdb_name(name)))}};
}

void Children::forget(const std::string& key) {
  writes_.forget(key);
  const std::lock_guard lock(mutex_);
  in_order_.erase(key);
}

Status Children::ensure(const std::string& key, const kube::Json& gateway,
                        const std::map<std::string, std::string>& public_pems, Problem& problem) {
  Seen seen = look(gateway, public_pems);
  {
    const std::lock_guard lock(mutex_);
    const auto known = in_order_.find(key);
    if (known != in_order_.end() && known->second == seen) return Status::success();
  }
  Status first;
  bool in_order = true;
  const auto ensure_all = [&](const kube::Resource& resource, const kube::Informer& cache, const kube::Json& wanted) {
    const Result<bool> ensured = ensure_one(key, resource, cache, gateway, wanted, problem);
    in_order = in_order && ensured && *ensured;
    if (!ensured && first) first = ensured.error();
  };
  // The keys first: pods wait for the ConfigMap that they mount.
  ensure_all(kube::kConfigMaps, caches_.config_maps, render_keys(gateway, public_pems));
  ensure_all(kube::kServices, caches_.services, render_service(gateway));
  ensure_all(kube::kPodDisruptionBudgets, caches_.pdbs, render_pdb(gateway));
  ensure_all(kube::kPodDisruptionBudgets, caches_.pdbs, render_draining_pdb(gateway));
  const std::lock_guard lock(mutex_);
  if (in_order) {
    in_order_.insert_or_assign(key, std::move(seen));
  } else {
    in_order_.erase(key);
  }
  return first;
}

Result<bool> Children::ensure_one(const std::string& key, const kube::Resource& resource, const kube::Informer& cache,
                                  const kube::Json& gateway, const kube::Json& wanted, Problem& problem) {
  const std::string name(kube::name_of(wanted));
  const std::string scope = key + "/" + resource.plural + "/" + name;
  const std::string version = cache.resource_version();
  std::vector<kube::Object> known;
  const kube::Object cached = cache.get(kube::key_of(wanted));
  if (cached) known.push_back(cached);
  known = writes_.newest(scope, std::move(known), version);

  if (known.empty()) {
    // What is there without our label does not show in the cache.
    auto there = client_.get(resource, kube::namespace_of(wanted), name);
    if (!there && there.error().code != ErrorCode::kNotFound) return there.error();
    if (there) known.push_back(std::make_shared<const kube::Json>(*std::move(there)));
  }
  kube::Json body = wanted;
  if (!known.empty()) {
    const kube::Json& present = *known.front();
    if (!may_take(present, gateway)) {
      problem = name_taken(resource, present, gateway);
      return false;
    }
    if (covers(present, wanted)) return known.front() == cached;
    body["metadata"]["uid"] = std::string(kube::uid_of(present));  // This very object: another one is a conflict.
    if (Status dropped = drop_max_unavailable(resource, present, wanted); !dropped) return dropped.error();
  }
  const auto applied = client_.patch(resource, kube::namespace_of(wanted), name, kube::PatchType::kApply, body,
                                     {.field_manager = kFieldManager, .force = true});
  if (!applied) return applied.error();
  writes_.wrote(scope, *applied);
  log_info("object applied", {{"gateway", key}, {"kind", resource.kind}, {"name", name}});
  return false;
}

/// A budget says one bound, ours `minAvailable`. The other one goes with our apply where we have set it; where somebody
/// else has (a backup that was restored, an object that was handed over) it would stay, and both are refused.
Status Children::drop_max_unavailable(const kube::Resource& resource, const kube::Json& present,
                                      const kube::Json& wanted) {
  const kube::Json& least = kube::at_pointer(wanted, "/spec/minAvailable");
  if (least.is_null() || kube::at_pointer(present, "/spec/maxUnavailable").is_null()) return Status::success();
  const kube::Json patch{{"metadata",
                          {{"uid", std::string(kube::uid_of(present))},
                           {"resourceVersion", std::string(kube::resource_version_of(present))}}},
                         {"spec", {{"maxUnavailable", nullptr}, {"minAvailable", least}}}};
  const auto patched = client_.patch(resource, kube::namespace_of(present), std::string(kube::name_of(present)),
                                     kube::PatchType::kMerge, patch, {.field_manager = kFieldManager});
  return patched ? Status::success() : Status(patched.error());
}

}  // namespace sluice::op
