// operator-simulation: runs the simulation for a range of seeds, as `make test-reliability` does.
//
//   operator-simulation --seed 1 --seeds 100 --steps 20000
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/base/log.h"
#include "operator/simulation/simulation.h"

namespace {

constexpr const char* kUsage =
    "usage: operator-simulation [--seed FIRST] [--seeds COUNT] [--steps STEPS]\n"
    "Runs the operator's decisions against a model of a cluster in virtual time.\n"
    "  --seed FIRST   first seed (1)\n"
    "  --seeds COUNT  how many seeds, one after another (100)\n"
    "  --steps STEPS  moments of virtual time a seed (10000)\n";

bool read_number(const char* text, std::int64_t& value) {
  char* end = nullptr;
  value = std::strtoll(text, &end, 10);
  return *text != 0 && *end == 0 && value >= 0;
}

}  // namespace

int main(int count, char** arguments) {
  std::int64_t first = 1;
  std::int64_t seeds = 100;
  std::int64_t steps = 10'000;
  for (int i = 1; i < count; i += 2) {
    std::int64_t* into = std::strcmp(arguments[i], "--seed") == 0    ? &first
                         : std::strcmp(arguments[i], "--seeds") == 0 ? &seeds
                         : std::strcmp(arguments[i], "--steps") == 0 ? &steps
                                                                     : nullptr;
    if (into == nullptr || i + 1 == count || !read_number(arguments[i + 1], *into)) {
      std::fprintf(stderr, "operator-simulation: %s needs a whole number\n%s", arguments[i], kUsage);
      return 2;
    }
  }
  sluice::op::simulation::Outcome all;
  for (std::int64_t seed = first; seed < first + seeds; ++seed) {
    const auto outcome = sluice::op::simulation::simulate(static_cast<std::uint64_t>(seed), steps);
    all.add(outcome);
    if (outcome.violation.empty()) continue;
    std::printf(
        "seed %lld violates after %lld steps: %s\n  again: operator-simulation --seed %lld --seeds 1 --steps %lld\n",
        static_cast<long long>(seed), static_cast<long long>(outcome.steps), outcome.violation.c_str(),
        static_cast<long long>(seed), static_cast<long long>(steps));
    return 1;
  }
  std::printf(
      "simulation: %lld seeds, %lld steps, %lld reconciles, %lld actions, %lld writes, %lld crashes, "
      "%lld disturbances, %lld episodes, %lld hours of virtual time: everything held\n",
      static_cast<long long>(seeds), static_cast<long long>(all.steps), static_cast<long long>(all.reconciles),
      static_cast<long long>(all.actions), static_cast<long long>(all.writes), static_cast<long long>(all.crashes),
      static_cast<long long>(all.disturbances), static_cast<long long>(all.episodes),
      static_cast<long long>(all.virtual_seconds / 3600));
  std::string met;
  for (const auto& [what, times] : all.met) met += (met.empty() ? "" : ", ") + what + " " + std::to_string(times);
  std::printf("met: %s\n", met.c_str());
  return 0;
}
