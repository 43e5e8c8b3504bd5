// WebSocket frames (RFC 6455, section 5): the header's parser, masking, and the frames a server sends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "gateway/engine/block.h"

namespace sluice::gateway {

enum class Opcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA
};
[[nodiscard]] inline bool is_control(Opcode opcode) {
  return (static_cast<std::uint8_t>(opcode) & 0x8) != 0;
}

/// Close codes that this gateway sends (RFC 6455, section 7.4; IANA registry).
enum CloseCode : std::uint16_t {
  kCloseNormal = 1000,
  kCloseGoingAway = 1001,
  kCloseProtocolError = 1002,
  kCloseNoStatus = 1005,  ///< Never on the wire: the peer's close frame held no code.
  kCloseBadData = 1007,
  kClosePolicy = 1008,
  kCloseTooLarge = 1009,
  kCloseInternalError = 1011,
  kCloseServiceRestart = 1012,
  kCloseTryAgainLater = 1013
};
/// Whether a peer may send `code` in a close frame.
[[nodiscard]] bool is_valid_close_code(std::uint16_t code);

inline constexpr std::size_t kFrameHeaderBytesMax = 14;
inline constexpr std::size_t kControlPayloadBytesMax = 125;

struct FrameHeader {
  bool fin = false;
  Opcode opcode = Opcode::kContinuation;
  std::uint64_t length = 0;  ///< Of the payload.
  std::array<char, 4> mask{};
};

enum class HeaderParse : std::uint8_t { kComplete, kNeedMore, kError };

/// Reads a client's frame header from the front of `bytes`. kComplete: `header` and `header_bytes` are set. kError:
/// `error` is a sentence for the close reason; the code is 1002. Everything that needs no state of the connection is
/// checked: reserved bits and opcodes, masking, minimal lengths, control frames' rules.
HeaderParse parse_frame_header(std::string_view bytes, FrameHeader& header, std::size_t& header_bytes,
                               const char*& error);

/// Applies `mask` to `payload`, whose first byte stands at `offset` of the frame's payload. Masking and unmasking are
/// the same. Answers nothing; `payload` is changed in place.
void apply_mask(std::span<char> payload, const std::array<char, 4>& mask, std::uint64_t offset);

/// A whole unfragmented server frame: header and payload in one block, to be shared by all who receive it.
BlockRef make_frame(Opcode opcode, std::string_view payload);
/// `reason` is cut to what fits, at the beginning of a character. No code for kCloseNoStatus.
BlockRef make_close_frame(std::uint16_t code, std::string_view reason);

}  // namespace sluice::gateway
