#include "gateway/admin/recent_activity.h"

#include <doctest/doctest.h>

namespace sluice::gateway {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

TEST_CASE("a quantile is interpolated in its bucket") {
  HandshakeCounts counts{};
  CHECK(handshake_quantile(counts, 0.99) == 0);
  counts[3] = 100;  // 0.5 to 1 ms.
  CHECK(handshake_quantile(counts, 0.5) == doctest::Approx(0.00075));
  CHECK(handshake_quantile(counts, 0.99) == doctest::Approx(0.000995));
  counts[9] = 100;  // 50 to 100 ms.
  CHECK(handshake_quantile(counts, 0.99) == doctest::Approx(0.099));
  counts.back() = 1000;  // Beyond 10 s: the highest bound stands for them.
  CHECK(handshake_quantile(counts, 0.99) == 10.0);
}

TEST_CASE("rates cover the last ten seconds, handshakes the last minute") {
  RecentActivity activity;
  CHECK(activity.accepts_per_second() == 0);
  CHECK(activity.handshake_p99() == 0);
  HandshakeCounts counts{};
  std::uint64_t accepted = 0;
  for (int second = 0; second < 300; ++second) {
    // 100 a second with slow handshakes, and after 200 s 10 a second with fast ones.
    activity.add(kStart + second * 1s, accepted, counts);
    accepted += second < 200 ? 100 : 10;
    counts[second < 200 ? 9 : 3] += second < 200 ? 100 : 10;
    if (second == 0) CHECK(activity.accepts_per_second() == 0);
    if (second == 5 || second == 150) CHECK(activity.accepts_per_second() == doctest::Approx(100));
    if (second == 205) CHECK(activity.accepts_per_second() == doctest::Approx(55));
    if (second == 215) CHECK(activity.accepts_per_second() == doctest::Approx(10));
    if (second == 215) CHECK(activity.handshake_p99() > 0.05);
    if (second == 265) CHECK(activity.handshake_p99() < 0.001);
  }
}

}  // namespace
}  // namespace sluice::gateway
