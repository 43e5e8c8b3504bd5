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

TEST_CASE("the memory limit is the tightest of our control group and those above it") {
  struct Row {
    const char* name;
    std::map<std::string, std::string> files;
    std::uint64_t bytes;
  };
  const Row rows[] = {
      {"cgroup v2", {{"/proc/self/cgroup", "0::/pods/a\n"}, {"/sys/fs/cgroup/pods/a/memory.max", "1000\n"}}, 1000},
      {"cgroup v2, tighter above",
       {{"/proc/self/cgroup", "0::/pods/a\n"},
        {"/sys/fs/cgroup/pods/a/memory.max", "max\n"},
        {"/sys/fs/cgroup/pods/memory.max", "700\n"},
        {"/sys/fs/cgroup/memory.max", "900\n"}},
       700},
      {"cgroup v2 inside a container, mounted at its root",
       {{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", "800\n"}},
       800},
      {"cgroup v2 of a container that sees its path outside",
       {{"/proc/self/cgroup", "0::/../kubepods/b\n"}, {"/sys/fs/cgroup/memory.max", "600\n"}},
       600},
      {"cgroup v2 without a limit", {{"/proc/self/cgroup", "0::/a\n"}, {"/sys/fs/cgroup/a/memory.max", "max\n"}}, 0},
      {"cgroup v1",
       {{"/proc/self/cgroup", "4:memory:/pods/a\n0::/\n"},
        {"/sys/fs/cgroup/memory/pods/a/memory.limit_in_bytes", "500\n"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}},
       500},
      {"cgroup v1 without a limit",
       {{"/proc/self/cgroup", "4:memory:/a\n"},
        {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n"}},
       0},
      {"no path at all", {{"/proc/self/cgroup", "0::\n"}, {"/sys/fs/cgroup/memory.max", "400\n"}}, 400},
      {"nothing", {}, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(memory_limit_bytes(files(row.files)) == row.bytes);
  }
}

TEST_CASE("resident memory is the second number of statm, in pages") {
  CHECK(rss_bytes(files({{"/proc/self/statm", "5000 123 100 1 0 200 0\n"}})) == 123 * 4096);
  CHECK(rss_bytes(files({})) == 0);
  CHECK(rss_bytes(read_small_file) > 100'000);
}

}  // namespace
}  // namespace sluice::gateway
