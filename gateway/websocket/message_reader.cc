#include "gateway/websocket/message_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "gateway/websocket/utf8.h"

namespace sluice::gateway {
namespace {

using Kind = ReaderEvent::Kind;

ReaderEvent failure(std::uint16_t code, const char* sentence) {
  return {.kind = Kind::kError, .payload = {}, .code = code, .error = sentence};
}

ReaderEvent close_event(std::string_view payload) {
  if (payload.empty()) return {.kind = Kind::kClose, .payload = {}, .code = kCloseNoStatus};
  if (payload.size() == 1) return failure(kCloseProtocolError, "a close frame holds half a code");
  const auto code =
      static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]));
  if (!is_valid_close_code(code)) return failure(kCloseProtocolError, "a close frame holds a code that is not allowed");
  if (!is_utf8(payload.substr(2))) return failure(kCloseBadData, "a close reason is not UTF-8");
  return {.kind = Kind::kClose, .payload = payload.substr(2), .code = code};
}

ReaderEvent control_event(Opcode opcode, std::string_view payload) {
  if (opcode == Opcode::kClose) return close_event(payload);
  return {.kind = opcode == Opcode::kPing ? Kind::kPing : Kind::kPong, .payload = payload};
}

ReaderEvent data_event(Opcode opcode, std::string_view payload) {
  return {.kind = opcode == Opcode::kText ? Kind::kText : Kind::kBinary, .payload = payload};
}

}  // namespace

/// What is half read. Exists only while something is.
struct MessageReader::State {
  std::array<char, kFrameHeaderBytesMax> header{};
  std::size_t header_bytes = 0;  ///< Of an incomplete header.

  bool in_frame = false;
  FrameHeader frame;
  std::uint64_t taken = 0;  ///< Bytes of the frame's payload.

  bool in_message = false;  ///< A data frame without FIN came, or one is half read.
  Opcode opcode = Opcode::kBinary;
  std::string message;
  bool message_handed_out = false;
  Utf8Validator utf8;

  std::array<char, kControlPayloadBytesMax> control{};
};

MessageReader::MessageReader() = default;
MessageReader::~MessageReader() = default;

MessageReader::State& MessageReader::state() {
  if (!state_) state_ = std::make_unique<State>();
  return *state_;
}

bool MessageReader::mid_message() const {
  return state_ && (state_->header_bytes > 0 || state_->in_frame || state_->in_message);
}

std::size_t MessageReader::held_bytes() const {
  return state_ ? sizeof(State) + state_->message.capacity() : 0;
}

void MessageReader::release() {
  if (!state_) return;
  if (!mid_message()) {
    state_.reset();
  } else if (state_->message_handed_out) {
    state_->message = std::string();
    state_->message_handed_out = false;
  }
}

ReaderEvent MessageReader::next(std::span<char>& input, std::size_t message_bytes_max) {
  release();
  ReaderEvent event;
  while (true) {
    if (!state_ || !state_->in_frame) {
      FrameHeader header;
      if (!read_header(input, header, event)) return event;
      if (!admit(header, message_bytes_max, event)) return event;
      if (finish_whole(input, header, event)) return event;
      State& held = state();
      held.in_frame = true;
      held.frame = header;
      held.taken = 0;
      if (!is_control(header.opcode) && header.opcode != Opcode::kContinuation) {
        held.in_message = true;
        held.opcode = header.opcode;
        held.utf8 = Utf8Validator();
      }
    }
    if (continue_frame(input, event)) return event;
  }
}

/// True where `header` is whole and taken from the input; otherwise `event` is what next() answers.
bool MessageReader::read_header(std::span<char>& input, FrameHeader& header, ReaderEvent& event) {
  std::size_t header_bytes = 0;
  const char* error = "";
  if (!state_ || state_->header_bytes == 0) {
    const std::string_view view(input.data(), input.size());
    const HeaderParse parse = parse_frame_header(view, header, header_bytes, error);
    if (parse == HeaderParse::kComplete) {
      input = input.subspan(header_bytes);
      return true;
    }
    if (parse == HeaderParse::kNeedMore && !input.empty()) {
      State& held = state();
      std::copy(input.begin(), input.end(), held.header.begin());
      held.header_bytes = input.size();
      input = {};
    }
    if (parse == HeaderParse::kError) event = failure(kCloseProtocolError, error);
    return false;
  }
  State& held = *state_;
  while (true) {
    const std::string_view view(held.header.data(), held.header_bytes);
    const HeaderParse parse = parse_frame_header(view, header, header_bytes, error);
    if (parse == HeaderParse::kComplete) {
      held.header_bytes = 0;
      return true;
    }
    if (parse == HeaderParse::kError) event = failure(kCloseProtocolError, error);
    if (parse == HeaderParse::kError || input.empty()) return false;
    held.header[held.header_bytes++] = input.front();
    input = input.subspan(1);
  }
}

/// Whether `header` fits what came before it.
bool MessageReader::admit(const FrameHeader& header, std::size_t message_bytes_max, ReaderEvent& event) const {
  if (is_control(header.opcode)) return true;
  const bool in_message = state_ && state_->in_message;
  if (header.opcode == Opcode::kContinuation && !in_message) {
    event = failure(kCloseProtocolError, "a continuation without a beginning");
    return false;
  }
  if (header.opcode != Opcode::kContinuation && in_message) {
    event = failure(kCloseProtocolError, "a new message inside a fragmented one");
    return false;
  }
  const std::size_t before = in_message ? state_->message.size() : 0;
  if (header.length > message_bytes_max || before + header.length > message_bytes_max) {
    event = failure(kCloseTooLarge, "the message is too large");
    return false;
  }
  return true;
}

/// The fast path: an unfragmented frame that lies whole in the input is handed out in place.
bool MessageReader::finish_whole(std::span<char>& input, const FrameHeader& header, ReaderEvent& event) {
  if (header.length > input.size()) return false;
  if (!is_control(header.opcode) && (!header.fin || header.opcode == Opcode::kContinuation)) return false;
  const std::span<char> payload = input.first(header.length);
  input = input.subspan(header.length);
  apply_mask(payload, header.mask, 0);
  const std::string_view view(payload.data(), payload.size());
  if (is_control(header.opcode)) {
    event = control_event(header.opcode, view);
  } else if (header.opcode == Opcode::kText && !is_utf8(view)) {
    event = failure(kCloseBadData, "a text message is not UTF-8");
  } else {
    event = data_event(header.opcode, view);
  }
  return true;
}

/// Takes what there is of the frame under way. True where `event` is what next() answers.
bool MessageReader::continue_frame(std::span<char>& input, ReaderEvent& event) {
  State& held = *state_;
  const std::size_t count = std::min<std::uint64_t>(held.frame.length - held.taken, input.size());
  const std::span<char> piece = input.first(count);
  input = input.subspan(count);
  apply_mask(piece, held.frame.mask, held.taken);
  if (is_control(held.frame.opcode)) {
    std::copy(piece.begin(), piece.end(), held.control.begin() + static_cast<std::ptrdiff_t>(held.taken));
  } else {
    held.message.append(piece.data(), piece.size());
    if (held.opcode == Opcode::kText && !held.utf8.feed({piece.data(), piece.size()})) {
      event = failure(kCloseBadData, "a text message is not UTF-8");
      return true;
    }
  }
  held.taken += count;
  if (held.taken < held.frame.length) return true;  // kNone: more bytes are needed.
  held.in_frame = false;
  if (is_control(held.frame.opcode)) {
    event = control_event(held.frame.opcode, {held.control.data(), held.frame.length});
    return true;
  }
  if (!held.frame.fin) return false;
  held.in_message = false;
  if (held.opcode == Opcode::kText && !held.utf8.complete()) {
    event = failure(kCloseBadData, "a text message is not UTF-8");
    return true;
  }
  held.message_handed_out = true;
  event = data_event(held.opcode, held.message);
  return true;
}

}  // namespace sluice::gateway
