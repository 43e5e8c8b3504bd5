// The fuzz targets over their corpus, as plain tests: what a fuzzer once found stays found.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gateway/fuzz/target.h"

namespace sluice::gateway {
namespace {

using Target = int (*)(const std::uint8_t*, std::size_t);

/// Runs `target` over every file of the corpus `name`, cut in several ways; answers how many files there were.
int run_corpus(const std::string& name, Target target) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SLUICE_CORPUS_DIR) + "/" + name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    for (const char piece : {'\0', '\1', '\2', '\3', '\7', '@'}) {
      if (!bytes.empty()) bytes[0] = piece;
      target(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    ++files;
  }
  return files;
}

TEST_CASE("the corpus of HTTP requests holds the parser's invariants") {
  CHECK(run_corpus("http_request", fuzz_http_request) >= 10);
}

TEST_CASE("the corpus of frames holds the reader's invariants") {
  CHECK(run_corpus("websocket_frame", fuzz_websocket_frame) >= 10);
}

}  // namespace
}  // namespace sluice::gateway
