#include "gateway/admin/memory.h"

#include <doctest/doctest.h>

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

TEST_CASE("kernel memory comes from the best source there is") {
  const std::string stat = "anon 1000\nkernel_stack 5\nkernel 70000\nsock 3000\nslab 60000\n";
  const std::string sockstat = "sockets: used 3\nTCP: inuse 2 orphan 0 tw 0 alloc 2 mem 7\nUDP: inuse 0 mem 9\n";
  struct Row {
    const char* name;
    std::map<std::string, std::string> files;
    std::uint64_t bytes;
  };
  const Row rows[] = {
      {"cgroup v2", {{"/proc/self/cgroup", "0::/pods/a\n"}, {"/sys/fs/cgroup/pods/a/memory.stat", stat}}, 73'000},
      {"cgroup v2 inside a container, mounted at its root",
       {{"/proc/self/cgroup", "0::/pods/a\n"}, {"/sys/fs/cgroup/memory.stat", stat}},
       73'000},
      {"cgroup v1",
       {{"/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/pods/a\n0::/\n"},
        {"/sys/fs/cgroup/memory/pods/a/memory.kmem.usage_in_bytes", "1413120\n"},
        {"/sys/fs/cgroup/memory/pods/a/memory.kmem.tcp.usage_in_bytes", "4096\n"}},
       1'417'216},
      {"a cgroup v1 of which the root alone can be read",
       {{"/proc/self/cgroup", "4:memory:/pods/a\n"}, {"/sys/fs/cgroup/memory/memory.kmem.usage_in_bytes", "100\n"}},
       100},
      {"only what the kernel counts for all sockets", {{"/proc/net/sockstat", sockstat}}, 7u * 4096},
      {"nothing", {}, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(kernel_bytes(files(row.files)) == row.bytes);
  }
}

TEST_CASE("resident memory is the second number of statm, in pages") {
  CHECK(rss_bytes(files({{"/proc/self/statm", "5000 123 100 1 0 200 0\n"}})) == 123 * 4096);
  CHECK(rss_bytes(files({})) == 0);
  CHECK(rss_bytes(read_small_file) > 100'000);
}

}  // namespace
}  // namespace sluice::gateway
