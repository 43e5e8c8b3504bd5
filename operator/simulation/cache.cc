#include "operator/simulation/cache.h"

#include <algorithm>

#include "operator/eviction.h"
#include "operator/node_view.h"
#include "operator/observe.h"

namespace sluice::op::simulation {
namespace {

template <class Value>
std::vector<Value> values_of(const std::map<std::string, Value>& by_name) {
  std::vector<Value> all;
  all.reserve(by_name.size());
  for (const auto& [name, value] : by_name) all.push_back(value);
  return all;
}

}  // namespace

Cache::Cache(const World& world) : world_(world) {
  for (const auto& [name, pod] : world_.pods()) keep(Kind::kPod, name, pod.object);
  for (const auto& [name, node] : world_.nodes()) keep(Kind::kNode, name, node.object);
  for (const auto& [name, eviction] : world_.evictions()) keep(Kind::kEviction, name, eviction.object);
  keep(Kind::kGateway, kGatewayName, world_.gateway());
  for (Watch& watch : watches_) {
    watch.version = world_.version();
    watch.next = world_.first_change() + static_cast<std::int64_t>(world_.changes().size());
  }
}

void Cache::keep(Kind kind, const std::string& name, const kube::Json& object) {
  if (kind == Kind::kPod) {
    pods_[name] = std::make_shared<const PodFacts>(facts_of(object));
    return;
  }
  kube::Json copy = object;
  if (kind == Kind::kEviction) slim_eviction(copy);
  watch(kind).objects[name] = std::make_shared<const kube::Json>(std::move(copy));
}

/// Where nothing is on its way any more a bookmark says how new all of it is.
bool Cache::deliver(Kind kind, Duration lag) {
  Watch& watch = this->watch(kind);
  bool any = false;
  const std::int64_t end = world_.first_change() + static_cast<std::int64_t>(world_.changes().size());
  for (; watch.next < end; ++watch.next) {
    const Change& change = world_.changes()[static_cast<std::size_t>(watch.next - world_.first_change())];
    if (change.kind != kind) continue;
    if (world_.clock.steady() - change.at < lag) return any;
    any = true;
    watch.version = change.version;
    if (change.object) {
      keep(kind, change.name, *change.object);
    } else if (kind == Kind::kPod) {
      pods_.erase(change.name);
    } else {
      watch.objects.erase(change.name);
    }
  }
  watch.version = world_.version();
  return any;
}

std::vector<kube::Object> Cache::evictions() const {
  return values_of(watch(Kind::kEviction).objects);
}

std::vector<PodPtr> Cache::pods() const {
  return values_of(pods_);
}

kube::Object Cache::gateway() const {
  return watch(Kind::kGateway).objects.at(kGatewayName);
}

kube::Object Cache::node(const std::string& name) const {
  const auto& nodes = watch(Kind::kNode).objects;
  const auto found = nodes.find(name);
  return found == nodes.end() ? nullptr : found->second;
}

std::string Cache::version(Kind kind) const {
  return std::to_string(watch(kind).version);
}

std::int64_t Cache::next_change() const {
  return std::min_element(watches_.begin(), watches_.end(),
                          [](const Watch& a, const Watch& b) { return a.next < b.next; })
      ->next;
}

}  // namespace sluice::op::simulation
