#include "common/base/stop_signal.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace sluice {

StopSignal::StopSignal() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  descriptor_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) {
    std::perror("signalfd");
    std::abort();
  }
}

StopSignal::~StopSignal() {
  close(descriptor_);
}

bool StopSignal::wait_for(Duration at_most) {
  pollfd waited{.fd = descriptor_, .events = POLLIN, .revents = 0};
  return poll(&waited, 1, static_cast<int>(at_most.count())) > 0;
}

void StopSignal::wait() {
  while (!wait_for(1h)) {
  }
}

}  // namespace sluice
