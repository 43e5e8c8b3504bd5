#include "common/kube/event_series.h"

#include <doctest/doctest.h>

namespace sluice::kube {
namespace {

using Kind = EventSeries::Decision::Kind;
const SteadyTime kStart{std::chrono::hours(1)};

}  // namespace

TEST_CASE("like events are counted into one object until they pause") {
  EventSeries series;
  CHECK(series.decide("a", "pod", "a.1", kStart).kind == Kind::kCreate);
  const auto second = series.decide("a", "pod", "a.2", kStart + 1s);
  CHECK(second.kind == Kind::kCount);
  CHECK(second.name == "a.1");
  CHECK(second.count == 2);
  CHECK(series.decide("a", "pod", "a.3", kStart + 2s).count == 3);
  CHECK(series.decide("b", "pod", "b.1", kStart + 2s).kind == Kind::kCreate);
  const auto later = series.decide("a", "pod", "a.9", kStart + 2s + EventSeries::kSeriesGap);
  CHECK(later.kind == Kind::kCreate);
  CHECK(later.name == "a.9");
}

TEST_CASE("one object may send a burst and then one in five minutes") {
  EventSeries series;
  int sent = 0;
  for (int i = 0; i < 100; ++i) {
    sent += series.decide("note " + std::to_string(i), "noisy", "x", kStart).kind != Kind::kDrop ? 1 : 0;
  }
  CHECK(sent == EventSeries::kBurst);
  CHECK(series.decide("q", "quiet", "x", kStart).kind == Kind::kCreate);
  CHECK(series.decide("n", "noisy", "x", kStart + 299s).kind == Kind::kDrop);
  CHECK(series.decide("n", "noisy", "x", kStart + 301s).kind == Kind::kCreate);
  CHECK(series.decide("m", "noisy", "x", kStart + 302s).kind == Kind::kDrop);
}

TEST_CASE("after forget a like event makes a new object") {
  EventSeries series;
  CHECK(series.decide("a", "pod", "a.1", kStart).kind == Kind::kCreate);
  series.forget("a");
  series.forget("never seen");
  CHECK(series.decide("a", "pod", "a.2", kStart + 1s).name == "a.2");
}

TEST_CASE("memory is bounded: the keys used least recently are forgotten") {
  EventSeries series;
  CHECK(series.decide("first", "object", "first.1", kStart).kind == Kind::kCreate);
  for (std::size_t i = 0; i < EventSeries::kKeysMax; ++i) {
    const std::string key = std::to_string(i);
    (void)series.decide(key, "object " + key, key, kStart);
  }
  CHECK(series.decide("first", "object", "first.2", kStart + 1s).kind == Kind::kCreate);
}

}  // namespace sluice::kube
