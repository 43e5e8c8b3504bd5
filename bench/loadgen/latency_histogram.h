// Latencies in logarithmic buckets, as HdrHistogram keeps them: every bucket is at most 1/64 wide of its value, so a
// percentile is right to 1.6 % from a microsecond to nine hours, in 16 KiB, whatever the number of samples.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sluice::loadgen {

/// Threads: one.
class LatencyHistogram {
 public:
  /// Negative values count as 0, values beyond the range as its end.
  void record(std::chrono::microseconds latency);
  /// The smallest bucket bound that at least `share` (0 to 1) of the samples do not exceed; 0 without samples.
  [[nodiscard]] std::chrono::microseconds percentile(double share) const;
  [[nodiscard]] std::chrono::microseconds max() const { return std::chrono::microseconds(max_); }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  void clear() { *this = LatencyHistogram(); }

 private:
  static constexpr unsigned kSubBits = 6;
  static constexpr std::uint64_t kSubBuckets = 1U << kSubBits;  // Values below this have a bucket each.
  static constexpr unsigned kOctaves = 29;
  static constexpr std::uint64_t kValueMax = (std::uint64_t{1} << (kSubBits + kOctaves)) - 1;
  static constexpr std::size_t kBuckets = (kOctaves + 1) * kSubBuckets;

  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t upper_bound_of(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace sluice::loadgen
