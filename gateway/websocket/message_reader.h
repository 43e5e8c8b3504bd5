// From bytes to messages: puts fragments together, lets control frames through between them, validates text as it
// comes (RFC 6455, sections 5.4, 5.5, 8.1). A frame that lies whole in the input is unmasked and handed out where it
// stands; only what is incomplete at the input's end is copied. Threads: one.
//
//   while (true) {
//     const ReaderEvent event = reader.next(input, limit);   // takes from the front of `input`
//     if (event.kind == ReaderEvent::Kind::kNone) break;     // all of `input` is taken: more bytes are needed
//     ...
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "gateway/websocket/frame.h"

namespace sluice::gateway {

struct ReaderEvent {
  enum class Kind : std::uint8_t { kNone, kText, kBinary, kPing, kPong, kClose, kError };
  Kind kind = Kind::kNone;
  /// kText, kBinary, kPing, kPong: the payload. kClose: the peer's reason. Valid until the next call of next(), and no
  /// longer than the input.
  std::string_view payload;
  /// kClose: the peer's code, kCloseNoStatus where it gave none. kError: the code to close with (1002, 1007, 1009).
  std::uint16_t code = 0;
  const char* error = "";  ///< kError: a sentence for the close reason.
};

class MessageReader {
 public:
  MessageReader();
  ~MessageReader();
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  /// The next event; moves the front of `input` behind what was taken and writes to what it takes. After kError or
  /// kClose the reader must not be called again.
  [[nodiscard]] ReaderEvent next(std::span<char>& input, std::size_t message_bytes_max);
  /// Whether a frame or a fragmented message is half read. Where not, the reader holds no memory but its pointer, after
  /// release().
  [[nodiscard]] bool mid_message() const;
  /// Frees what only the last event needed. Its payload is no longer valid.
  void release();
  /// Bytes held for an incomplete message.
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  struct State;
  State& state();
  bool read_header(std::span<char>& input, FrameHeader& header, ReaderEvent& event);
  bool admit(const FrameHeader& header, std::size_t message_bytes_max, ReaderEvent& event) const;
  bool finish_whole(std::span<char>& input, const FrameHeader& header, ReaderEvent& event);
  bool continue_frame(std::span<char>& input, ReaderEvent& event);

  std::unique_ptr<State> state_;
};

static_assert(sizeof(MessageReader) == sizeof(void*), "part of every connection's memory");

}  // namespace sluice::gateway
