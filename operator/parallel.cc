#include "operator/parallel.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace sluice::op {

void run_parallel(int count, int width, const std::function<void(int index)>& task) {
  std::atomic<int> next{0};
  const auto work = [&] {
    for (int index = next++; index < count; index = next++) task(index);
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < std::min(count, width); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
}

int slow_start(int count, int width, const std::function<bool(int index)>& task) {
  int begun = 0;
  for (int batch = 1; begun < count; batch *= 2) {
    const int size = std::min(batch, count - begun);
    std::atomic<bool> failed{false};
    run_parallel(size, width, [&](int index) {
      if (!task(begun + index)) failed = true;
    });
    begun += size;
    if (failed) break;
  }
  return begun;
}

}  // namespace sluice::op
