// Frames and messages: no input may crash the reader, it holds no more than the limit allows, and it tells the same in
// pieces as whole.
#include <cstdint>
#include <string>

#include "gateway/fuzz/target.h"
#include "gateway/websocket/message_reader.h"
#include "gateway/websocket/utf8.h"

namespace sluice::gateway {
namespace {

constexpr std::size_t kMessageBytesMax = 4096;

using fuzz::expect;

std::string read_in_pieces(std::string_view bytes, std::size_t piece) {
  MessageReader reader;
  std::string lines;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::string part(bytes.substr(at, piece));
    std::span<char> input(part);
    while (true) {
      const ReaderEvent event = reader.next(input, kMessageBytesMax);
      expect(reader.held_bytes() <= 2 * kMessageBytesMax + 1024);
      if (event.kind == ReaderEvent::Kind::kNone) break;
      expect(event.payload.size() <= kMessageBytesMax);
      if (event.kind == ReaderEvent::Kind::kText) expect(is_utf8(event.payload));
      lines += std::to_string(static_cast<int>(event.kind)) + ' ' + std::to_string(event.code) + ' ';
      lines.append(event.payload).append("\n");
      if (event.kind == ReaderEvent::Kind::kError || event.kind == ReaderEvent::Kind::kClose) return lines;
    }
    expect(input.empty());
  }
  return lines;
}

}  // namespace

int fuzz_websocket_frame(const std::uint8_t* data, std::size_t size) {
  const fuzz::CutInput input = fuzz::CutInput::from(data, size);
  const std::string pieces = read_in_pieces(input.bytes, input.piece);
  const std::string whole = read_in_pieces(input.bytes, std::max<std::size_t>(1, input.bytes.size()));
  expect(pieces == whole);
  return 0;
}

}  // namespace sluice::gateway

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::gateway::fuzz_websocket_frame(data, size);
}
#endif
