#include "cli/yaml.h"

#include <algorithm>
#include <string_view>

#include "common/base/text.h"

namespace sluice::cli {
namespace {

using kube::Json;

std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);  // A JSON text is a YAML text.
}

/// Letters, digits and what stands in names, times and sentences, with nothing in it that YAML gives a meaning.
bool is_plain(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  static constexpr std::string_view kFirst = "-?:,[]{}#&*!|>'\"%@`=~<.+";
  if (kFirst.find(text.front()) != std::string_view::npos || (text.front() >= '0' && text.front() <= '9')) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte >= 0x7F) return false;
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if ((text[i] == ':' && next == ' ') || (text[i] == ' ' && next == '#')) return false;
  }
  static constexpr std::string_view kWords[] = {"null", "true", "false", "yes", "no", "on",
                                                "off",  "y",    "n",     "nan", "inf"};
  return std::find(std::begin(kWords), std::end(kWords), lower(text)) == std::end(kWords);
}

std::string scalar(const Json& value) {
  if (!value.is_string()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto& text = value.get_ref<const std::string&>();
  return is_plain(text) ? text : quoted(text);
}

bool is_block(const Json& value) {
  return (value.is_object() || value.is_array()) && !value.empty();
}

/// Lines of a block at `depth` levels. `first_placed`: the first line's indentation stands there already ("- ").
void write(const Json& value, int depth, bool first_placed, std::string& out) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  const auto begin_line = [&] {
    if (!first_placed) out += indent;
    first_placed = false;
  };
  if (value.is_array()) {
    for (const Json& item : value) {
      begin_line();
      out += "- ";
      if (is_block(item)) {
        write(item, depth + 1, true, out);
      } else {
        out += scalar(item) + "\n";
      }
    }
    return;
  }
  for (const auto& [key, item] : value.items()) {
    begin_line();
    out += (is_plain(key) ? key : quoted(key)) + ":";
    if (!is_block(item)) {
      out += " " + scalar(item) + "\n";
      continue;
    }
    out += "\n";
    write(item, item.is_array() ? depth : depth + 1, false, out);  // Lists stand under their key, as kubectl has them.
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  if (!is_block(value)) return scalar(value) + "\n";
  std::string out;
  write(value, 0, false, out);
  return out;
}

}  // namespace sluice::cli
