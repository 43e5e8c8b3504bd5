// UTF-8 validation of a text that comes in pieces (RFC 3629; RFC 6455 section 8.1). Threads: one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::gateway {

/// Whether `text` is valid UTF-8 as a whole.
bool is_utf8(std::string_view text);

/// Carries at most three bytes of a character from one piece to the next.
class Utf8Validator {
 public:
  /// False as soon as what came so far can no longer become valid; the validator is of no use afterwards.
  [[nodiscard]] bool feed(std::string_view piece);
  /// Whether the text may end here: no character is half read.
  [[nodiscard]] bool complete() const { return carried_ == 0; }

 private:
  std::array<char, 4> carry_{};
  std::uint8_t carried_ = 0;
};

}  // namespace sluice::gateway
