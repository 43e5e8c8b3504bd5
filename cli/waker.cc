#include "cli/waker.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "common/base/stop_signal.h"

namespace sluice::cli {

Waker::Waker(StopSignal& stop) : stop_(stop), event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

Waker::~Waker() {
  if (event_ >= 0) close(event_);
}

void Waker::wake() {
  const std::uint64_t one = 1;
  (void)!write(event_, &one, sizeof one);  // Full means: it is awake already.
}

Waker::Why Waker::wait(Duration at_most) {
  pollfd waits[] = {{stop_.descriptor(), POLLIN, 0}, {event_, POLLIN, 0}};
  const int ready = poll(waits, 2, static_cast<int>(std::clamp<Duration::rep>(at_most.count(), 0, 3'600'000)));
  if (ready <= 0) return Why::kTime;
  if ((waits[0].revents & POLLIN) != 0) return Why::kStopped;
  std::uint64_t count = 0;
  (void)!read(event_, &count, sizeof count);
  return Why::kWoken;
}

bool Waker::wait_until(const std::function<bool()>& ready, const char* for_what) {
  constexpr Duration kStep{100};
  constexpr Duration kLong{5'000};
  Duration waited{0};
  while (!ready()) {
    if (wait(kStep) == Why::kStopped) return false;
    waited += kStep;
    if (waited == kLong) std::fprintf(stderr, "still waiting for %s\n", for_what);
  }
  return true;
}

}  // namespace sluice::cli
