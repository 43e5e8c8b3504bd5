#include "gateway/admin/memory.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

namespace sluice::gateway {
namespace {

/// The number behind the first `key` that begins a line (or follows a blank) of `text`.
std::optional<std::uint64_t> number_after(std::string_view text, std::string_view key) {
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    const bool begins = at == 0 || text[at - 1] == '\n' || text[at - 1] == ' ';
    const std::size_t value_at = at + key.size();
    if (!begins || value_at >= text.size() || text[value_at] != ' ') continue;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data() + value_at + 1, text.data() + text.size(), value);
    if (error == std::errc()) return value;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> number(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

/// The path of our group for `controller` in /proc/self/cgroup ("" for cgroup v2's one line).
std::optional<std::string> group_path(const std::string& cgroups, std::string_view controller) {
  std::istringstream lines(cgroups);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.compare(first + 1, second - first - 1, controller) == 0) return line.substr(second + 1);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> kernel_bytes_v2(const ReadFile& read, const std::string& cgroups) {
  const auto path = group_path(cgroups, "");
  if (!path) return std::nullopt;
  // Inside a container the group is mounted at the root, whatever the path says.
  for (const std::string& folder : {"/sys/fs/cgroup" + *path, std::string("/sys/fs/cgroup")}) {
    const auto stat = read(folder + "/memory.stat");
    if (!stat) continue;
    const auto kernel = number_after(*stat, "kernel");
    if (kernel) return *kernel + number_after(*stat, "sock").value_or(0);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> kernel_bytes_v1(const ReadFile& read, const std::string& cgroups) {
  const auto path = group_path(cgroups, "memory");
  if (!path) return std::nullopt;
  for (const std::string& folder : {"/sys/fs/cgroup/memory" + *path, std::string("/sys/fs/cgroup/memory")}) {
    const auto kernel = number(read(folder + "/memory.kmem.usage_in_bytes"));
    if (kernel) return *kernel + number(read(folder + "/memory.kmem.tcp.usage_in_bytes")).value_or(0);
  }
  return std::nullopt;
}

/// Without a limit v1 shows the largest number of whole pages that a signed 64-bit number can hold.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

/// The least of the numbers in `file` of the group `path` below `root` and of all groups above it; nothing where none
/// of them holds one ("max").
std::optional<std::uint64_t> tightest(const ReadFile& read, const std::string& root, std::string path,
                                      const char* file) {
  std::optional<std::uint64_t> least;
  while (true) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    const auto limit = number(read(root + path + "/" + file));
    if (limit && *limit < kNoLimit) least = std::min(least.value_or(*limit), *limit);
    if (path.empty()) return least;
    path.erase(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

std::uint64_t page_bytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

std::optional<std::string> read_small_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::uint64_t rss_bytes(const ReadFile& read) {
  const auto text = read("/proc/self/statm");
  if (!text) return 0;
  const std::size_t blank = text->find(' ');
  if (blank == std::string::npos) return 0;
  return number(text->substr(blank + 1)).value_or(0) * page_bytes();
}

std::uint64_t memory_limit_bytes(const ReadFile& read) {
  const std::string cgroups = read("/proc/self/cgroup").value_or("");
  // With both versions mounted the one that has the controller has the limit; the other has no such file.
  std::uint64_t least = kNoLimit;
  if (const auto path = group_path(cgroups, "")) {
    least = std::min(least, tightest(read, "/sys/fs/cgroup", *path, "memory.max").value_or(kNoLimit));
  }
  if (const auto path = group_path(cgroups, "memory")) {
    least = std::min(least, tightest(read, "/sys/fs/cgroup/memory", *path, "memory.limit_in_bytes").value_or(kNoLimit));
  }
  return least == kNoLimit ? 0 : least;
}

std::uint64_t kernel_bytes(const ReadFile& read) {
  const std::string cgroups = read("/proc/self/cgroup").value_or("");
  if (const auto bytes = kernel_bytes_v2(read, cgroups)) return *bytes;
  if (const auto bytes = kernel_bytes_v1(read, cgroups)) return *bytes;
  const auto sockets = read("/proc/net/sockstat");
  if (!sockets) return 0;
  const std::size_t tcp = sockets->find("TCP:");
  if (tcp == std::string::npos) return 0;
  return number_after(std::string_view(*sockets).substr(tcp), "mem").value_or(0) * page_bytes();
}

}  // namespace sluice::gateway
