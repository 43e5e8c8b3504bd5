#include "operator/eviction_watch.h"

#include <algorithm>

#include "common/base/log.h"
#include "operator/eviction.h"
#include "operator/limits.h"
#include "operator/names.h"

namespace sluice::op {

using kube::Json;

EvictionWatch::EvictionWatch(kube::Client& client, Caches& caches, const Clock& clock,
                             std::function<void(const std::string& ns, const std::string& pod)> changed)
    : client_(client), caches_(caches), clock_(clock), changed_(std::move(changed)) {}

void EvictionWatch::look() {
  if (watched_ != nullptr) return;
  const auto answer = client_.raw("GET", "/apis/" + kEvictions.api_version());
  if (!answer || answer->status != 200) return;
  const Json resources = Json::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  const Json& list = kube::at_pointer(resources, "/resources");
  const bool there = list.is_array() && std::any_of(list.begin(), list.end(), [](const Json& resource) {
                       return kube::text_at(resource, "/name") == kEvictions.plural;
                     });
  if (!there) return;
  log_info("the API server has Evictions: pods made from now on name this operator as their responder");
  informer_ =
      caches_.informer(kEvictions, {.ns = "", .label_selector = "", .field_selector = "", .transform = slim_eviction});
  informer_->add_handler([this](const kube::Object& before, const kube::Object& after) {
    const EvictionView view = view_eviction(after ? *after : *before);
    changed_(std::string(kube::namespace_of(after ? *after : *before)), view.pod_name);
  });
  watched_ = informer_.get();  // Before a handler may ask for a look at it.
  informer_->start();
}

void EvictionWatch::stop() {
  if (informer_) informer_->stop();
}

bool EvictionWatch::knows() const {
  const kube::Informer* informer = watched_;
  // Not synced(): that comes after all handlers have been told, and a look that one of them asks for may be over by
  // then.
  return informer != nullptr && !informer->resource_version().empty();
}

std::set<std::string> EvictionWatch::asked(const std::string& ns) const {
  std::set<std::string> uids;
  if (!knows()) return uids;
  for (const kube::Object& eviction : watched_.load()->list_namespace(ns)) {
    const EvictionView view = view_eviction(*eviction);
    if (view.asked) uids.insert(view.pod_uid);
  }
  return uids;
}

/// The watch may not show yet what was reported a moment ago; a last report cannot be changed.
bool EvictionWatch::is_due(const std::string& eviction_uid, bool last) {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.steady();
  std::erase_if(reported_, [&](const auto& one) { return now - one.second.at > 2 * kEvictionHeartbeat; });
  const auto before = reported_.find(eviction_uid);
  if (before != reported_.end()) {
    const bool recent = now - before->second.at < kEvictionHeartbeat;
    if (before->second.last || (recent && !last)) return false;
  }
  reported_[eviction_uid] = {now, last};
  return true;
}

void EvictionWatch::report(const GatewaySpec& spec, const Observed& seen) {
  if (!knows()) return;
  const std::vector<kube::Object> evictions = watched_.load()->list_namespace(seen.ns);
  if (evictions.empty()) return;
  const WallTime now = clock_.wall();
  const std::vector<Release> releases = releases_of(spec, seen, now);
  for (const kube::Object& eviction : evictions) {
    const EvictionView view = view_eviction(*eviction);
    const auto pod =
        std::find_if(seen.pods.begin(), seen.pods.end(), [&](const PodView& one) { return one.uid == view.pod_uid; });
    if (pod == seen.pods.end()) continue;  // Another gateway's, or gone: the API's own controller sees that.
    const auto release = std::find_if(releases.begin(), releases.end(),
                                      [&](const Release& one) { return one.pod->uid == view.pod_uid; });
    const auto entry = eviction_report(view, &*pod, release == releases.end() ? nullptr : &*release, now);
    if (!entry) continue;
    if (!is_due(view.uid, entry->contains("completionTime"))) continue;
    const Json body{{"apiVersion", kEvictions.api_version()},
                    {"kind", kEvictions.kind},
                    {"metadata", {{"name", view.name}, {"uid", view.uid}}},
                    {"status", {{"responders", Json::array({*entry})}}}};
    const auto written = client_.patch(kEvictions, seen.ns, view.name, kube::PatchType::kApply, body,
                                       {.subresource = "status", .field_manager = kFieldManager, .force = true});
    if (!written) {
      log_warn("an Eviction did not take our report", {{"eviction", view.name}, {"error", written.error().message}});
      const std::lock_guard lock(mutex_);
      reported_[view.uid].last = false;
    }
  }
}

}  // namespace sluice::op
