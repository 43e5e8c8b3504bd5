// A run: episodes of chaos, each followed by peace in which the fleet must become what the spec asks for and then be
// left alone. Source: TigerBeetle's simulator; Sieve (OSDI 2022) for what to disturb. How to use it:
// operator/README.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace sluice::op::simulation {

struct Outcome {
  std::string violation;   ///< Empty where everything held.
  std::int64_t steps = 0;  ///< Moments of virtual time.
  std::int64_t reconciles = 0;
  std::int64_t actions = 0;  ///< That plans asked for.
  std::int64_t writes = 0;
  std::int64_t crashes = 0;       ///< Of the operator.
  std::int64_t disturbances = 0;  ///< Pods lost, edits, changes of the spec.
  std::int64_t episodes = 0;
  std::int64_t virtual_seconds = 0;
  /// What has come of it, by words ("kicked", "node drains"): a run in which something never happens proves nothing
  /// about it.
  std::map<std::string, std::int64_t> met;

  void add(const Outcome& other);
};

/// Runs whole episodes until so many steps are done, or something is violated.
Outcome simulate(std::uint64_t seed, std::int64_t steps);

}  // namespace sluice::op::simulation
