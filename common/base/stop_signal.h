// SIGTERM and SIGINT as a value to wait for. Made first in main, before any thread, so that every thread inherits the
// blocked signals and only this object takes them.
#pragma once

#include "common/base/clock.h"

namespace sluice {

class StopSignal {
 public:
  /// Blocks SIGTERM and SIGINT for this thread and all it starts later; ignores SIGPIPE.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Waits until a signal has come or `at_most` has passed; true where one has come.
  bool wait_for(Duration at_most);
  /// Waits for a signal.
  void wait();
  /// A descriptor that is readable once a signal has come, for a poll loop. Owned by this object.
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace sluice
