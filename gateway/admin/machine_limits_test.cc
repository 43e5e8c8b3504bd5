#include "gateway/admin/machine_limits.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <map>

namespace sluice::gateway {
namespace {

ReadFile files(std::map<std::string, std::string> content) {
  return [content = std::move(content)](const std::string& path) -> std::optional<std::string> {
    const auto found = content.find(path);
    if (found == content.end()) return std::nullopt;
    return found->second;
  };
}

TEST_CASE("limits are read where the kernel shows them, and unknown where it does not") {
  rlimit own{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &own) == 0);
  REQUIRE(own.rlim_cur != RLIM_INFINITY);
  const MachineLimits all = machine_limits(files({{"/proc/sys/net/core/somaxconn", "4096\n"},
                                                  {"/proc/sys/net/netfilter/nf_conntrack_max", "262144\n"},
                                                  {"/proc/self/cgroup", "0::/pod\n"},
                                                  {"/sys/fs/cgroup/memory.max", "536870912\n"}}));
  CHECK(all.descriptors == own.rlim_cur);
  CHECK(all.somaxconn == 4096);
  CHECK(all.conntrack_max == 262'144);
  CHECK(all.memory_bytes == 536'870'912);
  const MachineLimits none = machine_limits(files({{"/proc/sys/net/core/somaxconn", "many\n"}}));
  CHECK(none.descriptors == own.rlim_cur);
  CHECK(none.somaxconn == 0);
  CHECK(none.conntrack_max == 0);
  CHECK(none.memory_bytes == 0);
}

}  // namespace
}  // namespace sluice::gateway
