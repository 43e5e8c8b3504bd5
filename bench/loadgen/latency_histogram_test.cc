#include "bench/loadgen/latency_histogram.h"

#include <doctest/doctest.h>

namespace sluice::loadgen {
namespace {

using std::chrono::microseconds;

TEST_CASE("an empty histogram answers zero") {
  const LatencyHistogram histogram;
  CHECK(histogram.percentile(0.5).count() == 0);
  CHECK(histogram.max().count() == 0);
}

TEST_CASE("percentiles of 1..100000 us are right to 1.6 %") {
  LatencyHistogram histogram;
  for (int value = 1; value <= 100'000; ++value) histogram.record(microseconds(value));
  struct Row {
    const char* name;
    double share;
    double exact;
  };
  const Row rows[] = {
      {"the smallest", 0.0, 1}, {"median", 0.5, 50'000}, {"p99", 0.99, 99'000},
      {"p99.9", 0.999, 99'900}, {"all", 1.0, 100'000},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const double got = static_cast<double>(histogram.percentile(row.share).count());
    CHECK(got >= row.exact);
    CHECK(got <= row.exact * 1.016);
  }
  CHECK(histogram.max().count() == 100'000);
  CHECK(histogram.count() == 100'000);
}

TEST_CASE("a bucket's bound is never below the values in it and never 1/64 above") {
  for (std::uint64_t value : {0ULL, 1ULL, 63ULL, 64ULL, 65ULL, 127ULL, 128ULL, 1'000ULL, 4'095ULL, 4'096ULL,
                              1'000'000ULL, 34'359'738'367ULL}) {
    CAPTURE(value);
    LatencyHistogram histogram;
    histogram.record(microseconds(value));
    histogram.record(microseconds(34'359'738'367));  // So that the maximum does not cut the bound.
    const auto bound = static_cast<std::uint64_t>(histogram.percentile(0.5).count());
    CHECK(bound >= value);
    CHECK(bound <= value + value / 64);
  }
}

TEST_CASE("values outside the range count at its ends") {
  LatencyHistogram histogram;
  histogram.record(microseconds(-5));
  CHECK(histogram.percentile(1).count() == 0);
  histogram.record(std::chrono::hours(1000));
  CHECK(histogram.percentile(1).count() == 34'359'738'367);
  histogram.clear();
  CHECK(histogram.count() == 0);
}

}  // namespace
}  // namespace sluice::loadgen
