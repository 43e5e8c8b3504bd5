// What fuzz targets share. The entry point is libFuzzer's; a build without it runs the targets over the corpus as plain
// regression tests (corpus_test.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace sluice::kube {

namespace fuzz {

inline void expect(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace fuzz

// The targets: each aborts where an invariant does not hold, and answers 0.
int fuzz_exec_credential(const std::uint8_t* data, std::size_t size);
int fuzz_kubeconfig(const std::uint8_t* data, std::size_t size);
int fuzz_protobuf(const std::uint8_t* data, std::size_t size);
int fuzz_status(const std::uint8_t* data, std::size_t size);
int fuzz_watch_decoder(const std::uint8_t* data, std::size_t size);

}  // namespace sluice::kube
