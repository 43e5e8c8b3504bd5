// Several blocking calls at once.
#pragma once

#include <functional>

namespace sluice::op {

/// Runs task(0) ... task(count - 1), up to `width` of them at once, and waits for all.
void run_parallel(int count, int width, const std::function<void(int index)>& task);

/// The same in batches of 1, 2, 4, ...: where creating pods fails (quota, admission), one call finds out instead of a
/// thousand. A batch that has a failure (false) is the last one. Answers how many tasks ran. Source:
/// kube-controller-manager, slowStartBatch.
int slow_start(int count, int width, const std::function<bool(int index)>& task);

}  // namespace sluice::op
