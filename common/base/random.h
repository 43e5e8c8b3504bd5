// Randomness is passed in, so that a test or a simulation repeats with its seed.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>

namespace sluice {

/// A seeded generator. Threads: any.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  /// A generator seeded from the system's entropy.
  static std::uint64_t entropy() { return (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}(); }

  /// Uniform in [0, 1).
  double unit() {
    const std::lock_guard lock(mutex_);
    return std::uniform_real_distribution<double>(0.0, 1.0)(engine_);
  }
  /// Uniform in [0, bound); 0 where bound is 0.
  std::uint64_t below(std::uint64_t bound) {
    if (bound == 0) return 0;
    const std::lock_guard lock(mutex_);
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(engine_);
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace sluice
