// The one admission of the process, shared by all shards so that its rate holds whatever each of them is given by the
// kernel. Asked once a newcomer and once a tick by shards where somebody waits; never by a connection that is open.
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "gateway/admission/admission.h"

namespace sluice::gateway {

class AdmissionDoor {
 public:
  AdmissionDoor(const AdmissionLimits& limits, SteadyTime now) : admission_(limits, now) {}

  // As admission.h says.
  Admission::Answer arrive(SteadyTime now) {
    const MutexLock lock(mutex_);
    return admission_.arrive(now);
  }
  std::uint64_t call(SteadyTime now) {
    const MutexLock lock(mutex_);
    return admission_.call(now);
  }
  void adjust(SteadyTime now, std::int64_t finished, std::int64_t slow) {
    const MutexLock lock(mutex_);
    admission_.adjust(now, finished, slow);
  }
  [[nodiscard]] double rate() const {
    const MutexLock lock(mutex_);
    return admission_.rate();
  }
  [[nodiscard]] std::size_t waiting() const {
    const MutexLock lock(mutex_);
    return admission_.waiting();
  }
  [[nodiscard]] std::uint64_t refused() const {
    const MutexLock lock(mutex_);
    return admission_.refused();
  }
  [[nodiscard]] std::uint32_t retry_within_seconds() const {
    const MutexLock lock(mutex_);
    return admission_.retry_within_seconds();
  }

 private:
  mutable Mutex mutex_;
  Admission admission_ GUARDED_BY(mutex_);
};

}  // namespace sluice::gateway
