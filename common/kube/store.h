// The objects of an informer's cache, and what changes when an event or a new list comes in. Pure.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/kube/client.h"
#include "common/kube/resource.h"

namespace sluice::kube {

/// As an Informer's handler gets it: `before` is null for an addition, `after` for a deletion, never both.
struct Change {
  Object before;
  Object after;
};

/// Threads: guarded by its owner.
class Store {
 public:
  /// Takes in one event of a watch. Answers nothing where it says what is known (a version that is here already, a
  /// deletion of what is not here, a BOOKMARK, an object without a name), and two changes where the name now belongs to
  /// another object (another UID): a deletion that was never seen must not look like an update.
  std::vector<Change> apply(WatchEvent event);
  /// Becomes what `state` holds. Answers what was missed: deletions first, so that a name is free before it is taken
  /// again. Objects of the same version keep their place in memory.
  std::vector<Change> replace(Store state);

  [[nodiscard]] Object get(std::string_view key) const;
  [[nodiscard]] std::vector<Object> list() const;
  [[nodiscard]] std::vector<Object> list_namespace(std::string_view ns) const;
  [[nodiscard]] std::size_t size() const { return objects_.size(); }

 private:
  using Objects = std::map<std::string, Object, std::less<>>;

  Objects objects_;
};

}  // namespace sluice::kube
