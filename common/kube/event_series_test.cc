#include "common/kube/event_series.h"

#include <doctest/doctest.h>

namespace sluice::kube {
namespace {

using Kind = EventSeries::Decision::Kind;
const SteadyTime kStart{std::chrono::hours(1)};

/// An event of `object` that says `note`; all are of one type, reason and action.
EventKeys event(const std::string& object, const std::string& note) {
  return {.alike = object + "\n" + note, .similar = object, .object = object};
}

}  // namespace

TEST_CASE("like events are counted into one object until they pause") {
  EventSeries series;
  CHECK(series.decide(event("pod", "a"), "a.1", kStart).kind == Kind::kCreate);
  const auto second = series.decide(event("pod", "a"), "a.2", kStart + 1s);
  CHECK(second.kind == Kind::kCount);
  CHECK(second.name == "a.1");
  CHECK(second.count == 2);
  CHECK(!second.combined);
  CHECK(series.decide(event("pod", "a"), "a.3", kStart + 2s).count == 3);
  CHECK(series.decide(event("pod", "b"), "b.1", kStart + 2s).kind == Kind::kCreate);
  const auto later = series.decide(event("pod", "a"), "a.9", kStart + 2s + EventSeries::kSeriesGap);
  CHECK(later.kind == Kind::kCreate);
  CHECK(later.name == "a.9");
}

TEST_CASE("of similar events with many notes ten are told apart and the rest is one combined series") {
  EventSeries series;
  for (int i = 0; i < 10; ++i) {
    const std::string note = std::to_string(i);
    const auto decision = series.decide(event("pod", note), note, kStart);
    CHECK(decision.kind == Kind::kCreate);
    CHECK(!decision.combined);
  }
  const auto eleventh = series.decide(event("pod", "10"), "all.1", kStart + 1s);
  CHECK(eleventh.kind == Kind::kCreate);
  CHECK(eleventh.combined);
  const auto twelfth = series.decide(event("pod", "11"), "all.2", kStart + 2s);
  CHECK(twelfth.kind == Kind::kCount);
  CHECK(twelfth.combined);
  CHECK(twelfth.name == "all.1");
  CHECK(twelfth.count == 2);
  // A note that is known goes on with its own series, another object's events with theirs.
  CHECK(series.decide(event("pod", "3"), "3.2", kStart + 3s).name == "3");
  CHECK(!series.decide(event("other", "10"), "o.1", kStart + 3s).combined);
  // After the interval notes are told apart again.
  CHECK(!series.decide(event("pod", "12"), "12", kStart + EventSeries::kSimilarInterval).combined);
}

TEST_CASE("one object may send a burst and then one in five minutes") {
  EventSeries series;
  int sent = 0;
  for (int i = 0; i < 100; ++i) {
    const EventKeys keys = event("noisy", "note " + std::to_string(i));
    sent += series.decide(keys, "x", kStart).kind != Kind::kDrop ? 1 : 0;
  }
  CHECK(sent == EventSeries::kBurst);
  CHECK(series.decide(event("quiet", "q"), "x", kStart).kind == Kind::kCreate);
  CHECK(series.decide(event("noisy", "n"), "x", kStart + 299s).kind == Kind::kDrop);
  CHECK(series.decide(event("noisy", "n"), "x", kStart + 301s).kind != Kind::kDrop);
  CHECK(series.decide(event("noisy", "m"), "x", kStart + 302s).kind == Kind::kDrop);
}

TEST_CASE("after forget the next event of the series makes a new object") {
  EventSeries series;
  const auto first = series.decide(event("pod", "a"), "a.1", kStart);
  CHECK(first.kind == Kind::kCreate);
  series.forget(first.series);
  series.forget("never seen");
  CHECK(series.decide(event("pod", "a"), "a.2", kStart + 1s).name == "a.2");
}

TEST_CASE("memory is bounded: the keys used least recently are forgotten") {
  EventSeries series;
  CHECK(series.decide(event("first", "f"), "first.1", kStart).kind == Kind::kCreate);
  for (std::size_t i = 0; i < EventSeries::kKeysMax; ++i) {
    const std::string key = std::to_string(i);
    (void)series.decide(event("object " + key, key), key, kStart);
  }
  CHECK(series.decide(event("first", "f"), "first.2", kStart + 1s).kind == Kind::kCreate);
}

}  // namespace sluice::kube
