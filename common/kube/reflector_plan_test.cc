#include "common/kube/reflector_plan.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

namespace sluice::kube {
namespace {

using Kind = ReflectorStep::Kind;

const SteadyTime kNow{100h};

Error error(ErrorCode code) {
  return {code, "x"};
}

/// A plan and the shorthand that tables need.
struct Driver {
  ReflectorPlan plan;
  Random random{1};
  SteadyTime now = kNow;
  Duration wait{0};

  void end(Kind kind, Status status, Duration lived = 1min, bool had_events = true) {
    wait = plan.ended({kind, std::move(status), lived, had_events}, now, random);
  }
  /// "watchlist 7", "list 0", "watch 9"
  [[nodiscard]] std::string next() const {
    static const char* const names[] = {"watchlist ", "list ", "watch "};
    const ReflectorStep step = plan.next();
    return names[static_cast<int>(step.kind)] + step.resource_version;
  }
};

}  // namespace

TEST_CASE("what happened decides what is asked next, and whether at once") {
  enum Wait { kAtOnce, kBackoff };
  struct Row {
    std::string name;
    std::function<void(Driver&)> story;
    std::string next;
    Wait wait;
  };
  const Row rows[] = {
      {"the first step", [](Driver&) {}, "watchlist ", kAtOnce},
      {"the state is complete, the stream goes on and ends in time",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatchList, Status::success());
       },
       "watch 7", kAtOnce},
      {"events and bookmarks move the version",
       [](Driver& d) {
         d.plan.listed("7");
         d.plan.saw("9");
         d.plan.saw("");
         d.end(Kind::kWatch, Status::success());
       },
       "watch 9", kAtOnce},
      {"the connection breaks: the version is kept",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kUnavailable));
       },
       "watch 7", kBackoff},
      {"a watch that ends at once without an event",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatch, Status::success(), 10ms, false);
       },
       "watch 7", kBackoff},
      {"a short watch that had an event",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatch, Status::success(), 10ms, true);
       },
       "watch 7", kAtOnce},
      {"the version is too old: a list not older than it",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kExpired));
       },
       "watchlist 7", kBackoff},
      {"... which the server cannot give either: the newest, at once",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kExpired));
         d.end(Kind::kWatchList, error(ErrorCode::kExpired));
       },
       "watchlist ", kAtOnce},
      {"... and not even that: no loop",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kExpired));
         d.end(Kind::kWatchList, error(ErrorCode::kExpired));
         d.end(Kind::kWatchList, error(ErrorCode::kExpired));
       },
       "watchlist ", kBackoff},
      {"after the newest list versions are known again",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kExpired));
         d.end(Kind::kWatchList, error(ErrorCode::kExpired));
         d.plan.listed("12");
         d.end(Kind::kWatchList, error(ErrorCode::kExpired));
       },
       "watchlist 12", kBackoff},
      {"the server knows no WatchList", [](Driver& d) { d.end(Kind::kWatchList, error(ErrorCode::kInvalid)); },
       "list 0", kAtOnce},
      {"... nor later",
       [](Driver& d) {
         d.end(Kind::kWatchList, error(ErrorCode::kInvalid));
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kExpired));
       },
       "list 7", kBackoff},
      {"... and has forgotten the version",
       [](Driver& d) {
         d.end(Kind::kWatchList, error(ErrorCode::kInvalid));
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kExpired));
         d.end(Kind::kList, error(ErrorCode::kExpired));
       },
       "list ", kAtOnce},
      {"a list that fails is tried again",
       [](Driver& d) {
         d.end(Kind::kWatchList, error(ErrorCode::kInvalid));
         d.end(Kind::kList, error(ErrorCode::kUnavailable));
       },
       "list 0", kBackoff},
      {"a WatchList that breaks before its state is complete",
       [](Driver& d) { d.end(Kind::kWatchList, error(ErrorCode::kUnavailable)); }, "watchlist ", kBackoff},
      {"... three times: a list instead",
       [](Driver& d) {
         for (int i = 0; i < 3; ++i) d.end(Kind::kWatchList, error(ErrorCode::kUnavailable));
       },
       "list 0", kBackoff},
      {"... also where each ended in peace",
       [](Driver& d) {
         for (int i = 0; i < 3; ++i) d.end(Kind::kWatchList, Status::success());
       },
       "list 0", kBackoff},
      {"... and WatchList again once there is a list",
       [](Driver& d) {
         for (int i = 0; i < 3; ++i) d.end(Kind::kWatchList, error(ErrorCode::kUnavailable));
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kExpired));
       },
       "watchlist 7", kBackoff},
      {"not allowed to watch: all of it again, slowly",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kDenied));
       },
       "watchlist 7", kBackoff},
      {"the resource type was removed",
       [](Driver& d) {
         d.plan.listed("7");
         d.end(Kind::kWatch, error(ErrorCode::kNotFound));
       },
       "watchlist 7", kBackoff}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver driver;
    row.story(driver);
    CHECK(driver.next() == row.next);
    CHECK((driver.wait > 0ms ? kBackoff : kAtOnce) == row.wait);
  }
}

TEST_CASE("failures wait 800 ms to 30 s, doubling, with jitter, and are forgotten after two minutes of peace") {
  Driver driver;
  driver.plan.listed("7");
  for (const Duration base : {800ms, 1600ms, 3200ms, 6400ms, 12'800ms, 25'600ms, 30'000ms, 30'000ms}) {
    driver.end(Kind::kWatch, error(ErrorCode::kUnavailable));
    CHECK(driver.wait >= base);
    CHECK(driver.wait <= 2 * base);
    driver.now += driver.wait;
  }
  driver.now += 121s;
  driver.end(Kind::kWatch, error(ErrorCode::kUnavailable));
  CHECK(driver.wait <= 1600ms);
}

TEST_CASE("the server's own wish to wait is kept, up to a minute, and its 429 keeps the version") {
  struct Row {
    std::string name;
    Duration wish;
    Duration wait;
  };
  const Row rows[] = {{"longer than the back-off", 40s, 40s},
                      {"a minute", 60s, 60s},
                      {"an hour does not freeze the cache", 1h, 60s},
                      {"nor does a day", 24h, 60s}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Driver driver;
    driver.plan.listed("7");
    driver.end(Kind::kWatch, Error{ErrorCode::kUnavailable, "busy", row.wish});
    CHECK(driver.wait == row.wait);
    CHECK(driver.next() == "watch 7");
  }
}

TEST_CASE("watches last 5 to 10 minutes") {
  Random random(3);
  Duration least = 1h;
  Duration most{0};
  for (int i = 0; i < 1000; ++i) {
    const Duration timeout = watch_timeout(random);
    least = std::min(least, timeout);
    most = std::max(most, timeout);
  }
  CHECK(least >= 5min);
  CHECK(least < 6min);
  CHECK(most > 9min);
  CHECK(most < 10min);
}

}  // namespace sluice::kube
