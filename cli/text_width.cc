#include "cli/text_width.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace sluice::cli {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Range {
  char32_t first, last;
};

// Ascending. Those that matter in names, messages and logs; a rarer one off by a cell costs a ragged column.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x2614, 0x2615},  {0x2648, 0x2653}, {0x26A1, 0x26A1},
    {0x2705, 0x2705},   {0x274C, 0x274C},   {0x2E80, 0x303E},   {0x3041, 0x33FF},  {0x3400, 0x4DBF}, {0x4E00, 0xA4CF},
    {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},  {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6},
    {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kZero[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F},
                           {0x0E31, 0x0E31}, {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
                           {0x200B, 0x200D}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};

bool is_in(const Range* begin, const Range* end, char32_t point) {
  const Range* found = std::lower_bound(begin, end, point, [](const Range& r, char32_t p) { return r.last < p; });
  return found != end && point >= found->first;
}

int width_of(char32_t point) {
  if (point < 0x300) return 1;
  if (is_in(std::begin(kZero), std::end(kZero), point)) return 0;
  return is_in(std::begin(kWide), std::end(kWide), point) ? 2 : 1;
}

/// The next code point, taken off `rest`; the replacement character for a byte that begins none.
char32_t take(std::string_view& rest) {
  const auto first = static_cast<std::uint8_t>(rest.front());
  const int length = first < 0x80                    ? 1
                     : first >= 0xC2 && first < 0xE0 ? 2
                     : first >= 0xE0 && first < 0xF0 ? 3
                     : first >= 0xF0 && first < 0xF5 ? 4
                                                     : 0;
  char32_t point = length == 1 ? first : length == 2 ? first & 0x1Fu : length == 3 ? first & 0x0Fu : first & 0x07u;
  bool good = length > 0 && rest.size() >= static_cast<std::size_t>(length);
  for (int i = 1; good && i < length; ++i) {
    const auto byte = static_cast<std::uint8_t>(rest[static_cast<std::size_t>(i)]);
    good = (byte & 0xC0u) == 0x80u;
    point = (point << 6) | (byte & 0x3Fu);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  good = good && point >= kLeast[length] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
  rest.remove_prefix(good ? static_cast<std::size_t>(length) : 1);
  return good ? point : kReplacement;
}

/// Controls, and what reorders the text around it: both can make a terminal show what is not there.
bool steers(char32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0) || (point >= 0x202A && point <= 0x202E) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0x2028 || point == 0x2029;
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) width += width_of(take(text));
  return width;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::string_view before = text;
    const char32_t point = take(text);
    if (point == '\n' || point == '\r' || point == '\t') {
      out += ' ';
    } else if (point == kReplacement || steers(point)) {
      out += "\xEF\xBF\xBD";
    } else {
      out.append(before.substr(0, before.size() - text.size()));
    }
  }
  return out;
}

std::string fit(std::string_view text, int width, bool unicode) {
  if (display_width(text) <= width) return std::string(text);
  if (width <= 0) return {};
  std::string out;
  int used = 1;  // of the mark
  while (!text.empty()) {
    const std::string_view before = text;
    used += width_of(take(text));
    if (used > width) break;
    out.append(before.substr(0, before.size() - text.size()));
  }
  return out + (unicode ? "\xE2\x80\xA6" : "~");
}

std::string pad(std::string_view text, int width, bool right) {
  const std::string blanks(static_cast<std::size_t>(std::max(0, width - display_width(text))), ' ');
  return right ? blanks + std::string(text) : std::string(text) + blanks;
}

}  // namespace sluice::cli
