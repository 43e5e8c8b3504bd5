#include "common/base/process_memory.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <regex>
#include <string>
#include <vector>

namespace sluice {
namespace {

/// Kilobytes of this process, by its name in /proc/self/status.
long resident_kb(const std::string& kind) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kind + ":")) return std::atol(line.c_str() + kind.size() + 1);
  }
  return 0;
}
long file_pages_kb() {
  return resident_kb("RssFile");
}

/// A sanitizer has a heap of its own, which malloc_trim() does not know.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnHeap = false;
#else
constexpr bool kOwnHeap = true;
#endif

}  // namespace

TEST_CASE("what only the start needed is given back, and the program goes on") {
  // Some of it, so that there is something to give back.
  REQUIRE(std::regex_search(std::to_string(std::strtod("2.5", nullptr)), std::regex("^2\\.5")));
  const long before = file_pages_kb();
  REQUIRE(before > 0);
  forget_startup();
  CHECK(file_pages_kb() < before);
  CHECK(std::regex_search(std::string("still here"), std::regex("h[e]re$")));
}

TEST_CASE("freed heap below what is still in use is given back") {
  constexpr std::size_t kBlocks = 20'000;
  std::vector<std::unique_ptr<std::string>> blocks;
  for (std::size_t i = 0; i < kBlocks; ++i) blocks.push_back(std::make_unique<std::string>(1'000, 'x'));
  const auto last = std::make_unique<std::string>(1'000, 'y');  // what malloc does not look below
  blocks.clear();
  const long before = resident_kb("RssAnon");
  give_back_heap();
  if (kOwnHeap) CHECK(resident_kb("RssAnon") < before - 10'000);
  CHECK(last->back() == 'y');
}

}  // namespace sluice
