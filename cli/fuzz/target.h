// The fuzz target: aborts where an invariant does not hold, and answers 0. The entry point is libFuzzer's; a build
// without it runs the target over the corpus (pod_metrics_test.cc).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::cli {

int fuzz_pod_metrics(const std::uint8_t* data, std::size_t size);

}  // namespace sluice::cli
