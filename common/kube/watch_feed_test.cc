#include "common/kube/watch_feed.h"

#include <doctest/doctest.h>

#include <thread>

namespace sluice::kube {
namespace {

Arrival event(int number) {
  Arrival arrival;
  arrival.type = WatchEvent::Type::kModified;
  arrival.version = std::to_string(number);
  return arrival;
}

Arrival end_of_state() {
  Arrival arrival;
  arrival.type = WatchEvent::Type::kBookmark;
  arrival.ends_state = true;
  return arrival;
}

constexpr int kMax = static_cast<int>(WatchFeed::kEventsMax);

}  // namespace

TEST_CASE("events are taken once and in order, the end after them") {
  WatchFeed feed;
  feed.begin(false);
  feed.push(event(1));
  feed.push(event(2));
  feed.end(Status::success());
  feed.push(event(3));
  const WatchFeed::Batch batch = feed.take(1h);
  REQUIRE(batch.events.size() == 2);
  CHECK(batch.events[0].version == "1");
  CHECK(batch.events[1].version == "2");
  REQUIRE(batch.end.has_value());
  CHECK(batch.end->ok());
  CHECK(feed.take(1h).events.empty());
}

TEST_CASE("a reader too far behind gets what waited and then the end of its watch") {
  WatchFeed feed;
  feed.begin(false);
  for (int i = 0; i < kMax + 10; ++i) feed.push(event(i));
  const WatchFeed::Batch batch = feed.take(1h);
  CHECK(batch.events.size() == WatchFeed::kEventsMax);
  CHECK(batch.events.back().version == std::to_string(kMax - 1));
  REQUIRE(batch.end.has_value());
  CHECK(batch.end->error().code == ErrorCode::kUnavailable);
  // The next watch is a new beginning.
  feed.begin(false);
  feed.push(event(7));
  CHECK(feed.take(1h).events.size() == 1);
  CHECK(!feed.take(0ms).end.has_value());
}

TEST_CASE("the state may be larger than what waits after it") {
  WatchFeed feed;
  feed.begin(true);
  for (int i = 0; i < 2 * kMax; ++i) feed.push(event(i));
  feed.push(end_of_state());
  feed.push(event(0));
  const WatchFeed::Batch batch = feed.take(1h);
  CHECK(batch.events.size() == 2 * WatchFeed::kEventsMax + 1);
  CHECK(batch.end.has_value());
  feed.begin(true);
  feed.push(end_of_state());
  for (int i = 0; i < kMax - 1; ++i) feed.push(event(i));
  CHECK(!feed.take(1h).end.has_value());
}

TEST_CASE("the time-out and stop() end the waiting") {
  WatchFeed feed;
  feed.begin(false);
  CHECK(feed.take(1ms).events.empty());
  std::thread reader([&] { CHECK(feed.take(1h).events.empty()); });
  feed.stop();
  reader.join();
}

}  // namespace sluice::kube
