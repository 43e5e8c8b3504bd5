// What an informer asks the API server next, and how long it waits before: the decisions of client-go's Reflector,
// apart from its I/O. Pure. Source: client-go tools/cache/reflector.go (ListAndWatch, watchList, handleWatch).
#pragma once

#include <string>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/result.h"

namespace sluice::kube {

struct ReflectorStep {
  enum class Kind {
    kWatchList,  ///< A watch that sends the state first.
    kList,       ///< A list, where the server knows no WatchList.
    kWatch,      ///< A watch from a version that is in the cache.
  };
  Kind kind = Kind::kWatchList;
  std::string resource_version;
};

/// Threads: one.
class ReflectorPlan {
 public:
  [[nodiscard]] ReflectorStep next() const;

  /// The whole state of version `resource_version` is in the cache.
  void listed(std::string resource_version);
  /// An event or a bookmark has brought the cache to `resource_version`.
  void saw(std::string resource_version);

  struct Ended {
    ReflectorStep::Kind kind;
    Status status;            ///< Ok where the server ended it in peace (a watch's time was over).
    Duration lived{0};        ///< From the call to its end.
    bool had_events = false;  ///< Anything came, bookmarks included.
  };
  /// A step is over. Answers how long to wait before the next one. A list that is complete is no end: listed() says so.
  [[nodiscard]] Duration ended(const Ended& ended, SteadyTime now, Random& random);

  [[nodiscard]] const std::string& resource_version() const { return version_; }

 private:
  Duration back_off(const Status& status, SteadyTime now, Random& random);
  void list_anew_after(const Ended& ended);

  std::string version_;  // of what is in the cache; "" before the first list
  bool needs_list_ = true;
  bool version_unknown_ = false;     // the server has forgotten version_ or is behind it: ask for the newest
  bool watch_list_refused_ = false;  // an older server
  int watch_list_failures_ = 0;      // in a row
  int failures_ = 0;
  SteadyTime last_failure_{};
};

/// How long the server is to keep a watch: 5 to 10 minutes, so that the watches of a fleet do not all end at once.
Duration watch_timeout(Random& random);

}  // namespace sluice::kube
