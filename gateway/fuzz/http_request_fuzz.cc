// HTTP request parser: no input may crash it, and a request that is complete in pieces is the one that is complete
// whole.
#include <cstdint>
#include <string>

#include "gateway/fuzz/target.h"
#include "gateway/websocket/handshake.h"
#include "gateway/websocket/http_request.h"

namespace sluice::gateway {
namespace {

constexpr HttpLimits kLimits{.head_bytes_max = 1024, .body_bytes_max = 64};

using fuzz::expect;

/// The request as text, where it is complete after some piece.
std::string parse_in_pieces(std::string_view bytes, std::size_t piece) {
  HttpRequestParser parser(kLimits);
  for (std::size_t size = std::min(piece, bytes.size());; size = std::min(size + piece, bytes.size())) {
    const std::string moved(bytes.substr(0, size));  // Elsewhere each time: no view into an older buffer may be used.
    const HttpParse parse = parser.parse(moved);
    if (parse == HttpParse::kError) {
      expect(parser.status() == 400 || parser.status() == 413 || parser.status() == 431);
      return {};
    }
    if (parse == HttpParse::kNeedMore) {
      expect(size < kLimits.head_bytes_max + kLimits.body_bytes_max);
      if (size == bytes.size()) return {};
      continue;
    }
    expect(parser.size() <= size);
    const HttpRequest& request = parser.request();
    expect(request.count("host") == 1 && request.path.substr(0, 1) == "/");
    std::string text = std::string(request.method) + '\n' + std::string(request.path) + '\n' +
                       std::string(request.query) + '\n' + std::string(request.body);
    for (std::size_t i = 0; i < request.header_count; ++i) {
      text += '\n' + std::string(request.headers[i].name) + ':' + std::string(request.headers[i].value);
    }
    static_cast<void>(check_upgrade(request));
    return text;
  }
}

}  // namespace

int fuzz_http_request(const std::uint8_t* data, std::size_t size) {
  const fuzz::CutInput input = fuzz::CutInput::from(data, size);
  const std::string pieces = parse_in_pieces(input.bytes, input.piece);
  const std::string whole = parse_in_pieces(input.bytes, std::max<std::size_t>(1, input.bytes.size()));
  expect(pieces == whole);
  return 0;
}

}  // namespace sluice::gateway

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::gateway::fuzz_http_request(data, size);
}
#endif
