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

enum class Cut { kInPieces, kWhole };

/// Runs `target` over every file of the corpus `name`, cut in several ways where its first byte says how; answers how
/// many files there were.
int run_corpus(const std::string& name, Target target, Cut cut) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SLUICE_CORPUS_DIR) + "/" + name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    for (const char piece : {'\0', '\1', '\2', '\3', '\7', '@'}) {
      if (cut == Cut::kInPieces && !bytes.empty()) bytes[0] = piece;
      CHECK(target(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()) == 0);
    }
    ++files;
  }
  return files;
}

TEST_CASE("the corpus of HTTP requests holds the parser's invariants") {
  CHECK(run_corpus("http_request", fuzz_http_request, Cut::kInPieces) >= 10);
}

TEST_CASE("the corpus of frames holds the reader's invariants") {
  CHECK(run_corpus("websocket_frame", fuzz_websocket_frame, Cut::kInPieces) >= 10);
}

TEST_CASE("the corpus of JSON holds what is taken and written again") {
  CHECK(run_corpus("json_text", fuzz_json_text, Cut::kWhole) >= 10);
}

TEST_CASE("the corpus of sheds and statuses holds their bounds") {
  CHECK(run_corpus("admin_request", fuzz_admin_request, Cut::kWhole) >= 10);
}

TEST_CASE("the corpus of drain requests holds their bounds") {
  CHECK(run_corpus("drain_request", fuzz_drain_request, Cut::kWhole) >= 10);
}

}  // namespace
}  // namespace sluice::gateway
