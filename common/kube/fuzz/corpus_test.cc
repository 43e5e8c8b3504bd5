// The fuzz targets over their corpus, as plain tests: what a fuzzer once found stays found.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "common/kube/fuzz/target.h"

namespace sluice::kube {
namespace {

using Target = int (*)(const std::uint8_t*, std::size_t);

/// Runs `target` over every file of the corpus `name`, with each of several first bytes; answers how many there were.
int run_corpus(const std::string& name, Target target) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SLUICE_CORPUS_DIR) + "/" + name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    CAPTURE(entry.path().string());
    const auto run = [&] { return target(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()); };
    CHECK(run() == 0);
    for (const char first : {'\0', '\1', '\2', '\7', '@'}) {
      if (!bytes.empty()) bytes[0] = first;
      CHECK(run() == 0);
    }
    ++files;
  }
  return files;
}

TEST_CASE("the corpus of watches holds the decoder's invariants") {
  CHECK(run_corpus("watch_decoder", fuzz_watch_decoder) >= 10);
}

TEST_CASE("the corpus of Protobuf holds the reader's invariants") {
  CHECK(run_corpus("protobuf", fuzz_protobuf) >= 10);
}

TEST_CASE("the corpus of answers holds the Status reader's invariants") {
  CHECK(run_corpus("status", fuzz_status) >= 10);
}

TEST_CASE("the corpus of kubeconfigs holds the reader's invariants") {
  CHECK(run_corpus("kubeconfig", fuzz_kubeconfig) >= 10);
}

TEST_CASE("the corpus of plugins' answers holds the reader's invariants") {
  CHECK(run_corpus("exec_credential", fuzz_exec_credential) >= 10);
}

}  // namespace
}  // namespace sluice::kube
