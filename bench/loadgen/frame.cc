#include "bench/loadgen/frame.h"

#include <cassert>

namespace sluice::loadgen {
namespace {

constexpr std::size_t kControlPayloadMax = 125;
constexpr std::size_t kIdleBufferBytes = 4096;  // A reader between messages keeps no more than this.

bool is_control(Opcode opcode) {
  return static_cast<std::uint8_t>(opcode) >= 0x8;
}

bool is_known(std::uint8_t opcode) {
  return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// Section 7.4.1 and 7.4.2: codes that may stand in a frame.
bool may_be_sent(std::uint64_t code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code < 5000);
}

}  // namespace

void append_frame(std::string& out, Opcode opcode, bool fin, std::string_view payload, std::uint32_t mask) {
  assert(!is_control(opcode) || (fin && payload.size() <= kControlPayloadMax));
  out.push_back(static_cast<char>((fin ? 0x80 : 0) | static_cast<std::uint8_t>(opcode)));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else if (payload.size() <= 0xFFFF) {
    out.push_back(static_cast<char>(0x80 | 126));
    append_big_endian(out, payload.size(), 2);
  } else {
    out.push_back(static_cast<char>(0x80 | 127));
    append_big_endian(out, payload.size(), 8);
  }
  append_big_endian(out, mask, 4);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out.push_back(static_cast<char>(static_cast<std::uint8_t>(payload[i]) ^ (mask >> (24 - 8 * (i % 4)) & 0xFF)));
  }
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload;
  append_big_endian(payload, code, 2);
  payload.append(reason.substr(0, kControlPayloadMax - 2));
  return payload;
}

FrameReader::Next FrameReader::broken(const char* fault) {
  fault_ = fault;
  return Next::kBroken;
}

FrameReader::Next FrameReader::read_header(std::string_view bytes, Header& header) {
  if (bytes.size() < 2) return Next::kNeedMore;
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  const auto second = static_cast<std::uint8_t>(bytes[1]);
  if (first & 0x70) return broken("reserved bits set");
  if (!is_known(first & 0x0F)) return broken("unknown opcode");
  if (second & 0x80) return broken("masked frame");
  header.fin = first & 0x80;
  header.opcode = static_cast<Opcode>(first & 0x0F);
  const unsigned short_length = second & 0x7F;
  if (is_control(header.opcode) && !header.fin) return broken("fragmented control frame");
  if (is_control(header.opcode) && short_length > kControlPayloadMax) return broken("long control frame");
  const std::size_t extended = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
  header.size = 2 + extended;
  if (bytes.size() < header.size) return Next::kNeedMore;
  header.length = extended == 0 ? short_length : big_endian(bytes.substr(2, extended));
  // Section 5.2: the minimal number of bytes must be used, and the highest bit of a 64-bit length is 0.
  if (extended == 2 && header.length < 126) return broken("length not minimal");
  if (extended == 8 && (header.length <= 0xFFFF || header.length >> 63)) return broken("length not minimal");
  if (header.length > message_bytes_max_ - (in_message_ ? partial_.size() : 0)) return broken("message too large");
  return Next::kMessage;
}

FrameReader::Next FrameReader::take_close(std::string_view payload, Incoming& out) {
  if (payload.size() == 1) return broken("close payload of one byte");
  out.opcode = Opcode::kClose;
  out.close_code = payload.empty() ? 1005 : static_cast<std::uint16_t>(big_endian(payload.substr(0, 2)));
  out.payload = payload.size() > 2 ? payload.substr(2) : "";
  if (!payload.empty() && !may_be_sent(out.close_code)) return broken("invalid close code");
  return Next::kMessage;
}

FrameReader::Next FrameReader::take_data(const Header& header, std::string_view payload, Incoming& out) {
  const bool continues = header.opcode == Opcode::kContinuation;
  if (continues && !in_message_) return broken("continuation without a start");
  if (!continues && in_message_) return broken("new message inside a fragmented one");
  if (!continues) message_opcode_ = header.opcode;
  in_message_ = !header.fin;
  partial_.append(payload);
  if (!header.fin) return Next::kNeedMore;
  out = {message_opcode_, std::move(partial_), 0};
  partial_ = {};
  return Next::kMessage;
}

FrameReader::Next FrameReader::next(Incoming& out) {
  if (fault_ != nullptr) return Next::kBroken;
  for (;;) {
    const std::string_view rest = std::string_view(buffer_).substr(consumed_);
    Header header;
    Next outcome = read_header(rest, header);
    if (outcome == Next::kMessage && rest.size() - header.size < header.length) outcome = Next::kNeedMore;
    if (outcome != Next::kMessage) {
      drop_consumed();
      return outcome;
    }
    const std::string_view payload = rest.substr(header.size, header.length);
    consumed_ += header.size + header.length;
    if (header.opcode == Opcode::kClose) return take_close(payload, out);
    if (is_control(header.opcode)) {
      out = {header.opcode, std::string(payload), 0};
      return Next::kMessage;
    }
    outcome = take_data(header, payload, out);
    if (outcome != Next::kNeedMore) return outcome;
  }
}

void FrameReader::drop_consumed() {
  buffer_.erase(0, consumed_);
  consumed_ = 0;
  // Twenty thousand readers are idle at any moment: one large message must not keep its buffer for ever.
  if (buffer_.empty() && buffer_.capacity() > kIdleBufferBytes) buffer_ = {};
}

}  // namespace sluice::loadgen
