#include "gateway/admin/machine_limits.h"

#include <sys/resource.h>

#include <charconv>

namespace sluice::gateway {
namespace {

std::uint64_t number_in(const ReadFile& read, const std::string& path) {
  const auto text = read(path);
  std::uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::uint64_t descriptor_limit(const ReadFile& read) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  // Without a limit of its own a process may have as many as the kernel gives to any.
  return limit.rlim_cur == RLIM_INFINITY ? number_in(read, "/proc/sys/fs/nr_open") : limit.rlim_cur;
}

}  // namespace

MachineLimits machine_limits(const ReadFile& read) {
  MachineLimits limits;
  limits.descriptors = descriptor_limit(read);
  limits.somaxconn = number_in(read, "/proc/sys/net/core/somaxconn");
  limits.conntrack_max = number_in(read, "/proc/sys/net/netfilter/nf_conntrack_max");
  limits.memory_bytes = memory_limit_bytes(read);
  return limits;
}

}  // namespace sluice::gateway
