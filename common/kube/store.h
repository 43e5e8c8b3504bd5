// The objects of an informer's cache, and what changes when an event or a new list comes in. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/kube/client.h"
#include "common/kube/packed.h"
#include "common/kube/resource.h"

namespace sluice::kube {

/// As an Informer's handler gets it: `before` is null for an addition, `after` for a deletion, never both.
struct Change {
  Object before;
  Object after;
};

/// What a user of the cache reads of an object time and again, made once when the object comes in. Of the user's own
/// type, to be had back by std::static_pointer_cast.
using Digest = std::shared_ptr<const void>;

/// An object as it is kept: as it came, or packed (common/kube/packed.h) and decoded each time it is read. Cheap to
/// copy.
class Held {
 public:
  Held() = default;
  explicit Held(Object object, Digest digest = nullptr) : object_(std::move(object)), digest_(std::move(digest)) {}
  Held(const Json& object, std::shared_ptr<NameTable> names, Digest digest = nullptr)
      : digest_(std::move(digest)),
        packed_(std::make_shared<const std::string>(pack(object, *names))),
        names_(std::move(names)) {}

  /// Null where nothing is held.
  [[nodiscard]] Object get() const {
    return packed_ ? std::make_shared<const Json>(unpack(*packed_, *names_)) : object_;
  }
  explicit operator bool() const { return packed_ != nullptr || object_ != nullptr; }
  [[nodiscard]] bool is_packed() const { return packed_ != nullptr; }
  /// Null where none is made.
  [[nodiscard]] const Digest& digest() const { return digest_; }
  /// What tells one packed version from another as long as it is held.
  [[nodiscard]] const void* identity() const { return packed_.get(); }
  /// Whether both are one version of one object.
  [[nodiscard]] bool same_version(const Held& other) const;

 private:
  Object object_;
  Digest digest_;
  std::shared_ptr<const std::string> packed_;
  std::shared_ptr<NameTable> names_;
};

/// The packed objects that were decoded last, so that who reads the same few again need not wait. Threads: any.
class RecentObjects {
 public:
  static constexpr std::size_t kObjectsMax = 512;

  [[nodiscard]] Object get(const Held& held);
  /// More than half of kObjectsMax are decoded without a trace: they would drive everything else out.
  [[nodiscard]] std::vector<Object> get(const std::vector<Held>& held);

 private:
  struct Entry {
    Held held;  // keeps its identity from being another's
    Object object;
  };
  Mutex mutex_;
  std::unordered_map<const void*, Entry> entries_ GUARDED_BY(mutex_);
  std::deque<const void*> order_ GUARDED_BY(mutex_);  // oldest first
};

/// A Change of a new list, not decoded yet: of thousands one at a time needs to be.
struct HeldChange {
  Held before;
  Held after;
  [[nodiscard]] Change get() const { return {before.get(), after.get()}; }
};

/// Threads: guarded by its owner.
class Store {
 public:
  struct Options {
    bool packed = false;
    /// What list_indexed() finds an object by, such as the value of a label; null for no index.
    std::function<std::string(const Json&)> index;
    /// What is kept beside each object; null for nothing.
    std::function<Digest(const Json&)> digest;
  };
  Store() = default;
  explicit Store(Options options)
      : options_(std::move(options)), names_(options_.packed ? std::make_shared<NameTable>() : nullptr) {}
  /// An empty one that keeps its objects in the same way: for replace().
  [[nodiscard]] Store like() const {
    Store out;
    out.options_ = options_;
    out.names_ = names_;
    return out;
  }

  /// Takes in one event of a watch. Answers nothing where it says what is known (a version that is here already, a
  /// deletion of what is not here, a BOOKMARK, an object without a name), and two changes where the name now belongs to
  /// another object (another UID): a deletion that was never seen must not look like an update.
  std::vector<Change> apply(WatchEvent event);
  /// Puts an object into a state that replace() will take.
  void add(Json object);
  /// Becomes what `state`, made by like(), holds. Answers what was missed: deletions first, so that a name is free
  /// before it is taken again. Objects of the same version keep their place in memory.
  std::vector<HeldChange> replace(Store state);

  [[nodiscard]] Object get(std::string_view key) const { return held(key).get(); }
  [[nodiscard]] std::vector<Object> list() const;

  // The same, to be decoded outside of the owner's lock.
  [[nodiscard]] Held held(std::string_view key) const;
  [[nodiscard]] std::vector<Held> held() const;
  [[nodiscard]] std::vector<Held> held_namespace(std::string_view ns) const;
  [[nodiscard]] std::vector<Held> held_indexed(std::string_view value) const;
  [[nodiscard]] std::size_t size() const { return objects_.size(); }

 private:
  using Objects = std::map<std::string, Held, std::less<>>;

  void put(const std::string& key, Held held, const Json& object);
  void erase(Objects::iterator known, const Json& object);

  Options options_;
  std::shared_ptr<NameTable> names_;  // null where nothing is packed
  Objects objects_;
  std::map<std::string, std::set<std::string_view>, std::less<>> index_;  // to keys, views into objects_
};

}  // namespace sluice::kube
