// The informers' caches as a controller sees them: each kind's changes in order, late, and sometimes not at all for a
// while. Kinds do not wait for each other.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "operator/pod_facts.h"
#include "operator/simulation/world.h"

namespace sluice::op::simulation {

class Cache {
 public:
  /// Begins with the world's present, as a first list does.
  explicit Cache(const World& world);
  /// Begins with what another one has: a list from an API server whose own cache is behind.
  Cache(const Cache& before) = default;
  Cache& operator=(const Cache&) = delete;

  /// Lets changes of a kind in that are at least so old. Answers whether there were any.
  bool deliver(Kind kind, Duration lag);

  [[nodiscard]] std::vector<PodPtr> pods() const;
  [[nodiscard]] std::vector<kube::Object> evictions() const;
  [[nodiscard]] kube::Object gateway() const;
  /// Null where it is not known.
  [[nodiscard]] kube::Object node(const std::string& name) const;
  [[nodiscard]] std::string version(Kind kind) const;
  /// Changes before this index have been let in, or are of no more interest.
  [[nodiscard]] std::int64_t next_change() const;

 private:
  struct Watch {
    std::map<std::string, kube::Object> objects;  ///< By name; none of pods.
    std::int64_t version = 0;
    std::int64_t next = 0;  ///< Index of the next change to look at.
  };
  [[nodiscard]] Watch& watch(Kind kind) { return watches_[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const Watch& watch(Kind kind) const { return watches_[static_cast<std::size_t>(kind)]; }
  void keep(Kind kind, const std::string& name, const kube::Json& object);

  const World& world_;
  std::array<Watch, kKinds> watches_;
  std::map<std::string, PodPtr> pods_;  ///< By name, as caches.h keeps them.
};

}  // namespace sluice::op::simulation
