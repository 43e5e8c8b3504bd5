// What a watching command waits for: a change that an informer tells of, the next look, or the end.
#pragma once

#include <functional>

#include "common/base/clock.h"

namespace sluice {
class StopSignal;
}

namespace sluice::cli {

class Waker {
 public:
  explicit Waker(StopSignal& stop);
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  /// Ends the present wait, or the next one. Threads: any.
  void wake();

  enum class Why { kStopped, kWoken, kTime };
  Why wait(Duration at_most);
  /// Until `ready()` holds, asked ten times a second; false where it is to end before. A person who waits for long is
  /// told for what.
  bool wait_until(const std::function<bool()>& ready, const char* for_what);

 private:
  StopSignal& stop_;
  int event_;
};

}  // namespace sluice::cli
