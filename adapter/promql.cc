#include "adapter/promql.h"

#include <algorithm>
#include <array>

#include "adapter/regex.h"

namespace sluice::adapter {

bool is_label_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string promql_escape(std::string_view value) {
  static constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f || c == '\'' || c == '`') {
      out += "\\x";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    } else {
      out += c;
    }
  }
  return out;
}

std::string matcher_equal(std::string_view label, std::string_view value, bool negated) {
  return std::string(label) + (negated ? "!=\"" : "=\"") + promql_escape(value) + "\"";
}

std::string any_of(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) {
    if (&value != &values.front()) out += '|';
    out += Regex::quote(value);
  }
  return out;
}

std::string matcher_any(std::string_view label, const std::vector<std::string>& values, bool negated) {
  return std::string(label) + (negated ? "!~\"" : "=~\"") + promql_escape(any_of(values)) + "\"";
}

}  // namespace sluice::adapter
