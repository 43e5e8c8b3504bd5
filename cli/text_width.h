// Text as a terminal shows it: how many cells it takes, and cut to fit. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cli {

/// Cells that UTF-8 `text` takes: 2 for East Asian wide characters and emoji, 0 for combining marks. What is no UTF-8
/// counts as the one replacement character that printable() makes of it. Source: Unicode UAX #11, wcwidth(3).
int display_width(std::string_view text);

/// The same text with what could steer a terminal (control characters, escape sequences' introducers, what is no UTF-8)
/// replaced by U+FFFD: messages come from other programs. Line ends become spaces.
std::string printable(std::string_view text);

/// `text`, cut where it is wider than `width` cells; what is cut ends in "…" (or "~" where `unicode` is false).
std::string fit(std::string_view text, int width, bool unicode = true);

/// `text` with blanks behind it (or before it) up to `width` cells.
std::string pad(std::string_view text, int width, bool right = false);

}  // namespace sluice::cli
