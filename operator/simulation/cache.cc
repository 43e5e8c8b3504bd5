#include "operator/simulation/cache.h"

namespace sluice::op::simulation {

namespace {

PodPtr kept(const kube::Json& pod) {
  kube::Json slim = pod;
  slim_pod(slim);
  return std::make_shared<const PodFacts>(facts_of(slim));
}

}  // namespace

bool Cache::deliver(Duration lag) {
  bool any = false;
  const std::int64_t end = world_.first_change() + static_cast<std::int64_t>(world_.changes().size());
  for (; next_ < end; ++next_) {
    const Change& change = world_.changes()[static_cast<std::size_t>(next_ - world_.first_change())];
    if (world_.clock.steady() - change.at < lag) break;
    any = true;
    version_ = change.version;
    if (change.name.empty()) {
      gateway_ = change.object;
    } else if (change.object) {
      pods_[change.name] = kept(*change.object);
    } else {
      pods_.erase(change.name);
    }
  }
  return any;
}

void Cache::relist() {
  pods_.clear();
  for (const auto& [name, pod] : world_.pods()) pods_[name] = kept(pod.object);
  gateway_ = std::make_shared<const kube::Json>(world_.gateway());
  version_ = world_.version();
  next_ = world_.first_change() + static_cast<std::int64_t>(world_.changes().size());
}

std::vector<PodPtr> Cache::pods() const {
  std::vector<PodPtr> all;
  all.reserve(pods_.size());
  for (const auto& [name, pod] : pods_) all.push_back(pod);
  return all;
}

}  // namespace sluice::op::simulation
