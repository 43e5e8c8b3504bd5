// Takes descriptors away from the process for as long as it lives, as a busy machine would.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

namespace sluice::gateway::testing {

class DescriptorLimit {
 public:
  /// Leaves just `spare` more to be opened.
  explicit DescriptorLimit(int spare) {
    std::vector<int> opened;
    for (int i = 0; i <= spare; ++i) opened.push_back(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit lowered = before_;
    lowered.rlim_cur = static_cast<rlim_t>(opened.back());
    setrlimit(RLIMIT_NOFILE, &lowered);
    for (const int descriptor : opened) ::close(descriptor);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

}  // namespace sluice::gateway::testing
