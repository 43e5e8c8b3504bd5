#include "common/base/process_memory.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <string>

namespace sluice {
namespace {

/// Kilobytes of mapped files in memory.
long file_pages_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssFile:")) return std::atol(line.c_str() + 8);
  }
  return 0;
}

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

}  // namespace sluice
