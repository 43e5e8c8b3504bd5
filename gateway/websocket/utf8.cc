#include "gateway/websocket/utf8.h"

#include <simdjson.h>

#include <algorithm>
#include <cstddef>

namespace sluice::gateway {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t index) {
  return static_cast<std::uint8_t>(text[index]);
}

/// Bytes of the character that begins with `lead`; 0 where none does.
std::size_t character_bytes(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

/// Whether `begin`, shorter than its character or just as long, can be the beginning of a valid one.
bool can_begin_character(std::string_view begin) {
  const std::uint8_t lead = byte_at(begin, 0);
  if (character_bytes(lead) == 0) return false;
  if (begin.size() >= 2) {
    // The second byte alone keeps out overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629, section 4).
    const std::uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const std::uint8_t most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte_at(begin, 1) < least || byte_at(begin, 1) > most) return false;
  }
  for (std::size_t i = 2; i < begin.size(); ++i) {
    if ((byte_at(begin, i) & 0xC0) != 0x80) return false;
  }
  return true;
}

/// Bytes at the end of `text` that begin a character which goes on in the next piece: 0 to 3.
std::size_t unfinished_bytes(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const std::uint8_t byte = byte_at(text, text.size() - back);
    if ((byte & 0xC0) == 0x80) continue;
    return character_bytes(byte) > back ? back : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  return text.empty() || simdjson::validate_utf8(text.data(), text.size());
}

bool Utf8Validator::feed(std::string_view piece) {
  if (carried_ > 0) {
    const std::size_t wanted = character_bytes(static_cast<std::uint8_t>(carry_[0]));
    while (carried_ < wanted && !piece.empty()) {
      carry_[carried_++] = piece.front();
      piece.remove_prefix(1);
    }
    if (!can_begin_character({carry_.data(), carried_})) return false;
    if (carried_ < wanted) return true;
    carried_ = 0;
  }
  const std::size_t unfinished = unfinished_bytes(piece);
  if (!is_utf8(piece.substr(0, piece.size() - unfinished))) return false;
  if (unfinished == 0) return true;
  const std::string_view rest = piece.substr(piece.size() - unfinished);
  std::copy(rest.begin(), rest.end(), carry_.begin());
  carried_ = static_cast<std::uint8_t>(unfinished);
  return can_begin_character(rest);
}

}  // namespace sluice::gateway
