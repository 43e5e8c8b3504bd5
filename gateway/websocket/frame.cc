#include "gateway/websocket/frame.h"

#include <cassert>
#include <cstring>

namespace sluice::gateway {
namespace {

std::uint8_t byte_at(std::string_view bytes, std::size_t index) {
  return static_cast<std::uint8_t>(bytes[index]);
}

std::uint64_t big_endian(std::string_view bytes, std::size_t from, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | byte_at(bytes, from + i);
  return value;
}

bool is_known(std::uint8_t opcode) {
  return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA);
}

HeaderParse fail(const char*& error, const char* sentence) {
  error = sentence;
  return HeaderParse::kError;
}

}  // namespace

bool is_valid_close_code(std::uint16_t code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

HeaderParse parse_frame_header(std::string_view bytes, FrameHeader& header, std::size_t& header_bytes,
                               const char*& error) {
  // The first two bytes are judged as soon as they are there: a peer that speaks nonsense is not waited for.
  if (bytes.empty()) return HeaderParse::kNeedMore;
  const std::uint8_t first = byte_at(bytes, 0);
  if (first & 0x70) return fail(error, "a reserved bit is set");
  if (!is_known(first & 0x0F)) return fail(error, "unknown opcode");
  header.fin = (first & 0x80) != 0;
  header.opcode = static_cast<Opcode>(first & 0x0F);
  if (is_control(header.opcode) && !header.fin) return fail(error, "a control frame is fragmented");
  if (bytes.size() < 2) return HeaderParse::kNeedMore;
  const std::uint8_t second = byte_at(bytes, 1);
  if (!(second & 0x80)) return fail(error, "a client's frame is not masked");
  const std::uint8_t short_length = second & 0x7F;
  if (is_control(header.opcode) && short_length > kControlPayloadBytesMax) {
    return fail(error, "a control frame is longer than 125 bytes");
  }
  const std::size_t length_bytes = short_length == 127 ? 8 : short_length == 126 ? 2 : 0;
  header_bytes = 2 + length_bytes + 4;
  if (bytes.size() < header_bytes) return HeaderParse::kNeedMore;
  header.length = length_bytes == 0 ? short_length : big_endian(bytes, 2, length_bytes);
  if (length_bytes == 2 && header.length < 126) return fail(error, "a length is not encoded minimally");
  if (length_bytes == 8 && header.length < 65'536) return fail(error, "a length is not encoded minimally");
  if (header.length >> 63) return fail(error, "a length's highest bit is set");
  std::memcpy(header.mask.data(), bytes.data() + header_bytes - 4, 4);
  return HeaderParse::kComplete;
}

void apply_mask(std::span<char> payload, const std::array<char, 4>& mask, std::uint64_t offset) {
  std::array<char, 8> turned;
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(offset + i) % 4];
  std::uint64_t word = 0;
  std::memcpy(&word, turned.data(), sizeof(word));
  char* at = payload.data();
  char* const end = at + payload.size();
  for (; end - at >= 8; at += 8) {
    std::uint64_t data = 0;
    std::memcpy(&data, at, sizeof(data));
    data ^= word;
    std::memcpy(at, &data, sizeof(data));
  }
  for (std::size_t i = 0; at != end; ++at, ++i) *at = static_cast<char>(*at ^ turned[i]);
}

BlockRef make_frame(Opcode opcode, std::string_view payload) {
  const std::size_t length = payload.size();
  const std::size_t length_bytes = length < 126 ? 0 : length < 65'536 ? 2 : 8;
  BlockRef block = BlockRef::make(2 + length_bytes + length);
  char* at = block.writable();
  *at++ = static_cast<char>(0x80 | static_cast<std::uint8_t>(opcode));
  *at++ = static_cast<char>(length_bytes == 0 ? length : length_bytes == 2 ? 126 : 127);
  for (std::size_t i = 0; i < length_bytes; ++i) *at++ = static_cast<char>(length >> (8 * (length_bytes - 1 - i)));
  if (length > 0) std::memcpy(at, payload.data(), length);
  return block;
}

BlockRef make_close_frame(std::uint16_t code, std::string_view reason) {
  if (code == kCloseNoStatus) return make_frame(Opcode::kClose, {});
  std::size_t kept = reason.size();
  if (kept > kControlPayloadBytesMax - 2) {
    kept = kControlPayloadBytesMax - 2;
    while (kept > 0 && (static_cast<std::uint8_t>(reason[kept]) & 0xC0) == 0x80) --kept;
  }
  std::array<char, kControlPayloadBytesMax> payload;
  payload[0] = static_cast<char>(code >> 8);
  payload[1] = static_cast<char>(code & 0xFF);
  if (kept > 0) std::memcpy(payload.data() + 2, reason.data(), kept);
  return make_frame(Opcode::kClose, {payload.data(), kept + 2});
}

}  // namespace sluice::gateway
