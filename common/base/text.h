// ASCII text, whatever the locale says.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace sluice {

/// `text` with A to Z in lower case.
inline std::string lower(std::string_view text) {
  std::string out(text);
  const auto lowered = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::transform(out.begin(), out.end(), out.begin(), lowered);
  return out;
}

/// `text` without the spaces, tabs and line ends around it: a view into it.
inline std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace sluice
