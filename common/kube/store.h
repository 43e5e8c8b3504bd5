// The objects of an informer's cache, and what changes when an event or a new list comes in. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/kube/client.h"
#include "common/kube/resource.h"

namespace sluice::kube {

/// What the user of a cache reads of an object, made once when the object comes in: as a tree of JSON a pod is 11 KB,
/// and reading it takes 10 us. `value` is of the user's own type, to be had back by std::static_pointer_cast; the texts
/// lie in it.
struct Digest {
  std::shared_ptr<const void> value;
  std::string_view uid;
  std::string_view version;  ///< metadata.resourceVersion
};

/// One object of a cache: as it came, or its digest. Cheap to copy.
class Held {
 public:
  Held() = default;
  explicit Held(Object object) : object_(std::move(object)) {}
  explicit Held(Digest digest) : digest_(std::move(digest)) {}

  /// Null where nothing is held, or only a digest.
  [[nodiscard]] const Object& object() const { return object_; }
  /// Null where nothing is held, or the object itself.
  [[nodiscard]] const std::shared_ptr<const void>& digest() const { return digest_.value; }
  explicit operator bool() const { return object_ != nullptr || digest_.value != nullptr; }
  [[nodiscard]] std::string_view uid() const { return object_ ? uid_of(*object_) : digest_.uid; }
  [[nodiscard]] std::string_view version() const { return object_ ? resource_version_of(*object_) : digest_.version; }
  /// Whether both are one version of one object.
  [[nodiscard]] bool same_version(const Held& other) const {
    return *this && other && !version().empty() && version() == other.version() && uid() == other.uid();
  }

 private:
  Object object_;
  Digest digest_;
};

/// As an Informer's handler gets it: nothing is held before an addition, nor after a deletion.
struct Change {
  Held before;
  Held after;
};

struct StoreOptions {
  /// What held_indexed() finds an object by, such as the value of a label; null for no index.
  std::function<std::string(const Json&)> index;
  /// What is kept instead of each object; null: the object itself.
  std::function<Digest(const Json&)> digest;
};

/// An event of a watch as a Store takes it in. Made where the event comes in, so that what waits for the cache is as
/// small as what it keeps.
struct Arrival {
  WatchEvent::Type type = WatchEvent::Type::kAdded;
  std::string key;  ///< Empty where it is no object: a BOOKMARK, an ERROR, or what has no name.
  Held held;
  std::string index;        ///< As StoreOptions::index answers.
  std::string version;      ///< metadata.resourceVersion.
  bool ends_state = false;  ///< is_initial_events_end()
  Json error;               ///< The Status of an ERROR.
};
Arrival arrival_of(WatchEvent event, const StoreOptions& options);

/// Threads: guarded by its owner.
class Store {
 public:
  using Options = StoreOptions;
  Store() = default;
  explicit Store(Options options) : options_(std::move(options)) {}
  Store(const Store&) = delete;  // Its parts point to one another.
  Store& operator=(const Store&) = delete;
  Store(Store&&) = default;
  Store& operator=(Store&&) = default;
  /// An empty one that keeps its objects in the same way: for replace().
  [[nodiscard]] Store like() const { return Store(options_); }

  /// Takes in one event of a watch. Answers nothing where it says what is known (a version that is here already, a
  /// deletion of what is not here, a BOOKMARK, an object without a name), and two changes where the name now belongs to
  /// another object (another UID): a deletion that was never seen must not look like an update.
  std::vector<Change> take_in(Arrival arrival);
  std::vector<Change> apply(WatchEvent event) { return take_in(arrival_of(std::move(event), options_)); }
  /// Puts an object into a state that replace() will take.
  void add(Json object);
  /// Becomes what `state`, made by like(), holds. Answers what was missed: deletions first, so that a name is free
  /// before it is taken again. Objects of the same version keep their place in memory.
  std::vector<Change> replace(Store state);

  [[nodiscard]] Held held(std::string_view key) const;
  [[nodiscard]] std::vector<Held> held() const;
  [[nodiscard]] std::vector<Held> held_namespace(std::string_view ns) const;
  [[nodiscard]] std::vector<Held> held_indexed(std::string_view value) const;
  /// Only their digests: of thousands, often.
  [[nodiscard]] std::vector<std::shared_ptr<const void>> digests_indexed(std::string_view value) const;
  [[nodiscard]] std::size_t size() const { return objects_.size(); }

 private:
  struct Entry;
  /// By what index() answers, and by key; the keys lie in objects_. A node of a map keeps its place.
  using Index = std::map<std::string, std::map<std::string_view, const Entry*>, std::less<>>;
  struct Entry {
    Held held;
    Index::value_type* indexed = nullptr;  ///< Where it stands in the index; null without one.
  };
  using Objects = std::map<std::string, Entry, std::less<>>;

  void put(Arrival arrival);
  void erase(Objects::iterator known);

  Options options_;
  Objects objects_;
  Index index_;
};

}  // namespace sluice::kube
