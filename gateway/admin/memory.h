// What the process costs in memory, measured.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace sluice::gateway {

/// A file's content; nothing where it cannot be read. Passed in, so that tests need no cgroup.
using ReadFile = std::function<std::optional<std::string>(const std::string& path)>;
[[nodiscard]] std::optional<std::string> read_small_file(const std::string& path);

/// Resident pages of this process (/proc/self/statm), in bytes.
[[nodiscard]] std::uint64_t rss_bytes(const ReadFile& read);

/// Kernel memory that our sockets and descriptors cost, in bytes. RSS does not show it, the pod's memory limit counts
/// it. The first of these that the machine offers:
/// - cgroup v2, memory.stat of our own group: `kernel` (slab with sockets, inodes, files; stacks; page tables) + `sock`
///   (socket buffers). In a container the group is the container, so the number is this process's.
/// - cgroup v1: memory.kmem.usage_in_bytes + memory.kmem.tcp.usage_in_bytes, the same in older words.
/// - /proc/net/sockstat: TCP buffer pages, which the kernel counts machine-wide; slab is not in it. A lower bound.
/// 0 where none can be read.
[[nodiscard]] std::uint64_t kernel_bytes(const ReadFile& read);

/// The tightest memory limit among our control group and those above it (cgroup v2: memory.max; v1:
/// memory.limit_in_bytes), in bytes. 0 where there is none, or none can be read.
[[nodiscard]] std::uint64_t memory_limit_bytes(const ReadFile& read);

}  // namespace sluice::gateway
