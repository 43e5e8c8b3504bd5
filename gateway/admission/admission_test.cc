#include "gateway/admission/admission.h"

#include <doctest/doctest.h>

#include <vector>

namespace sluice::gateway {
namespace {

using Verdict = Admission::Verdict;

constexpr AdmissionLimits kLimits{.per_second = 200, .per_second_max = 1000, .queue = 100, .handshake_p99 = 250ms};

/// An admission whose clock a test moves, with upgrades that are as slow as the test says.
struct Fixture {
  explicit Fixture(const AdmissionLimits& limits = kLimits) : admission(limits, now) {}

  SteadyTime now{1h};
  Admission admission;
  std::int64_t finished = 0;
  std::int64_t slow = 0;

  /// A second in which somebody comes every `every` ms, and shards ask every 20 ms; answers how many were let in.
  int second(int every_ms, double slow_share = 0) {
    int entered = 0;
    std::uint64_t called = admission.call(now);
    for (int ms = 0; ms < 1000; ++ms) {
      now += 1ms;
      if (every_ms > 0 && ms % every_ms == 0 && admission.arrive(now).verdict == Verdict::kEnter) ++entered;
      if (ms % 20 != 0) continue;
      const std::uint64_t up_to = admission.call(now);
      entered += static_cast<int>(up_to - called);
      called = up_to;
    }
    finished += entered;
    slow += static_cast<std::int64_t>(slow_share * entered);
    admission.adjust(now, finished, slow);
    return entered;
  }
};

TEST_CASE("whoever comes within the rate enters at once; who comes faster waits in turn; beyond the queue is refused") {
  Fixture fixture;
  int entered = 0;
  std::vector<std::uint64_t> tickets;
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    const Admission::Answer answer = fixture.admission.arrive(fixture.now);
    if (answer.verdict == Verdict::kEnter) ++entered;
    if (answer.verdict == Verdict::kWait) tickets.push_back(answer.ticket);
    if (answer.verdict == Verdict::kRefuse) ++refused;
  }
  CHECK(entered == 21);  // What a tenth of a second saves up, and one.
  CHECK(tickets.size() == 100);
  CHECK(tickets.front() == 0);
  CHECK(tickets.back() == 99);
  CHECK(refused == 79);
  CHECK(fixture.admission.waiting() == 100);
  CHECK(fixture.admission.refused() == 79);
  CHECK(fixture.admission.call(fixture.now) == 0);
  CHECK(fixture.admission.call(fixture.now + 50ms) == 10);
  CHECK(fixture.admission.call(fixture.now + 60ms) == 12);
  CHECK(fixture.admission.waiting() == 88);
  // There is a token, but it is for those who came before.
  CHECK(fixture.admission.arrive(fixture.now + 100ms).verdict == Verdict::kWait);
  for (int ms = 100; ms <= 700; ms += 20) fixture.admission.call(fixture.now + Duration(ms));
  CHECK(fixture.admission.waiting() == 0);
  CHECK(fixture.admission.arrive(fixture.now + 720ms).verdict == Verdict::kEnter);
}

TEST_CASE("without a queue whoever comes too fast is refused") {
  Fixture fixture({.per_second = 10, .per_second_max = 10, .queue = 0, .handshake_p99 = 250ms});
  CHECK(fixture.admission.arrive(fixture.now).verdict == Verdict::kEnter);
  CHECK(fixture.admission.arrive(fixture.now).verdict == Verdict::kEnter);
  CHECK(fixture.admission.arrive(fixture.now).verdict == Verdict::kRefuse);
  CHECK(fixture.admission.arrive(fixture.now + 100ms).verdict == Verdict::kEnter);
}

TEST_CASE("the rate follows the load and the speed of handshakes") {
  struct Row {
    const char* name;
    int every_ms;  ///< Somebody comes; 0: nobody.
    double slow_share;
    int seconds;
    double rate;  ///< At the end, from 200 (floor) of at most 1000.
  };
  const Row rows[] = {
      {"a second of storm", 1, 0, 1, 250},
      {"three of them", 1, 0, 3, 390.625},
      {"a storm in which one in a hundred is late still holds", 1, 0.009, 3, 390.625},
      {"a storm grows to the maximum and not beyond", 1, 0, 20, 1000},
      {"a storm in which two in a hundred are late", 1, 0.02, 5, 200},
      {"a load within the rate", 6, 0, 5, 200},
      {"nobody", 0, 0, 5, 200},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fixture fixture;
    for (int i = 0; i < row.seconds; ++i) fixture.second(row.every_ms, row.slow_share);
    CHECK(fixture.admission.rate() == doctest::Approx(row.rate));
  }
}

TEST_CASE("a call that comes too early changes nothing") {
  Fixture fixture;
  for (int i = 0; i < 80; ++i) fixture.admission.arrive(fixture.now);
  for (const Duration later : {100ms, 200ms, 300ms, 400ms}) fixture.admission.call(fixture.now + later);
  CHECK(fixture.admission.waiting() == 0);
  fixture.admission.adjust(fixture.now + 499ms, 80, 0);
  CHECK(fixture.admission.rate() == 200);
  fixture.admission.adjust(fixture.now + 500ms, 80, 0);
  CHECK(fixture.admission.rate() == 250);
}

TEST_CASE("after a storm the rate stays while more than half of it is used, and falls back when it is not") {
  Fixture fixture;
  while (fixture.admission.rate() < 1000) fixture.second(1);
  while (fixture.admission.waiting() > 0) fixture.second(0);
  const double rate = fixture.admission.rate();
  CHECK(rate > 600);
  for (int i = 0; i < 5; ++i) CHECK(fixture.second(2) == 500);
  CHECK(fixture.admission.rate() == rate);
  fixture.second(100);
  CHECK(fixture.admission.rate() == doctest::Approx(rate / 1.25));
  for (int i = 0; i < 20; ++i) fixture.second(100);
  CHECK(fixture.admission.rate() == 200);
}

TEST_CASE("handshakes that become late take the rate back, and count for the last seconds alone") {
  Fixture fixture;
  for (int i = 0; i < 6; ++i) fixture.second(1);
  const double grown = fixture.admission.rate();
  CHECK(grown > 600);
  fixture.second(1, 0.5);
  CHECK(fixture.admission.rate() == doctest::Approx(grown / 1.25));
  for (int i = 0; i < 5; ++i) fixture.second(1);
  const double fallen = fixture.admission.rate();
  CHECK(fallen < grown / 2);
  fixture.second(1);  // The late ones are forgotten.
  CHECK(fixture.admission.rate() > fallen);
}

TEST_CASE("where no handshake ends there is nothing to go by, and the rate stays") {
  Fixture fixture;
  for (int second = 0; second < 5; ++second) {
    for (int i = 0; i < 50; ++i) {
      for (int k = 0; k < 10; ++k) fixture.admission.arrive(fixture.now);
      fixture.now += 20ms;
      fixture.admission.call(fixture.now);
    }
    fixture.admission.adjust(fixture.now, 0, 0);
  }
  CHECK(fixture.admission.rate() == 200);
}

TEST_CASE("who is refused comes back within the time that the crowd needs") {
  Fixture fixture;
  CHECK(fixture.admission.retry_within_seconds() == Admission::kRetryAfterLeast);
  for (int i = 0; i < 1121; ++i) fixture.admission.arrive(fixture.now);
  CHECK(fixture.admission.refused() == 1000);
  CHECK(fixture.admission.retry_within_seconds() == 7);  // 1 and (100 + 1000) / 200, rounded up.
  for (int i = 0; i < 10'000; ++i) fixture.admission.arrive(fixture.now);
  CHECK(fixture.admission.retry_within_seconds() == Admission::kRetryAfterMost);
  // They are remembered for a second or two, until they have come back.
  for (int i = 0; i < 2; ++i) fixture.second(0);
  CHECK(fixture.admission.retry_within_seconds() == Admission::kRetryAfterLeast);
}

}  // namespace
}  // namespace sluice::gateway
