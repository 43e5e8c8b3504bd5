#include "bench/loadgen/latency_histogram.h"

#include <algorithm>
#include <cmath>

namespace sluice::loadgen {

std::size_t LatencyHistogram::bucket_of(std::uint64_t value) {
  if (value < kSubBuckets) return value;
  // Octave 1 starts at 64; within an octave the six bits below the leading one choose the bucket.
  const unsigned octave = static_cast<unsigned>(std::bit_width(value)) - kSubBits;
  const std::uint64_t sub = (value >> (octave - 1)) - kSubBuckets;
  return octave * kSubBuckets + sub;
}

std::uint64_t LatencyHistogram::upper_bound_of(std::size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const std::size_t octave = bucket / kSubBuckets;
  const std::uint64_t sub = bucket % kSubBuckets;
  return ((kSubBuckets + sub + 1) << (octave - 1)) - 1;
}

void LatencyHistogram::record(std::chrono::microseconds latency) {
  const std::uint64_t value = std::min<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0), kValueMax);
  ++buckets_[bucket_of(value)];
  ++count_;
  max_ = std::max(max_, value);
}

std::chrono::microseconds LatencyHistogram::percentile(double share) const {
  if (count_ == 0) return std::chrono::microseconds(0);
  const auto wanted = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * double(count_))));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted) return std::chrono::microseconds(std::min(upper_bound_of(bucket), max_));
  }
  return max();
}

}  // namespace sluice::loadgen
