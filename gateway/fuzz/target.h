// What fuzz targets share, and how one takes its input in pieces, so that incremental parsers are tried at every cut.
// The entry point is libFuzzer's; a build without it runs the targets over the corpus as plain regression tests
// (corpus_test.cc).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace sluice::gateway::fuzz {

inline void expect(bool holds) {
  if (!holds) std::abort();
}

/// The first byte of an input says how the rest is cut: into pieces of so many bytes, 0 meaning whole.
struct CutInput {
  std::size_t piece = 0;
  std::string_view bytes;

  static CutInput from(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return {1, {}};
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    return {data[0] == 0 ? std::max<std::size_t>(1, rest.size()) : data[0], rest};
  }
};

}  // namespace sluice::gateway::fuzz

namespace sluice::gateway {

// The targets: each aborts where an invariant does not hold, and answers 0.
int fuzz_admin_request(const std::uint8_t* data, std::size_t size);
int fuzz_drain_request(const std::uint8_t* data, std::size_t size);
int fuzz_http_request(const std::uint8_t* data, std::size_t size);
int fuzz_json_text(const std::uint8_t* data, std::size_t size);
int fuzz_websocket_frame(const std::uint8_t* data, std::size_t size);

}  // namespace sluice::gateway
