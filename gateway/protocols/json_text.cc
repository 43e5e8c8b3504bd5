#include "gateway/protocols/json_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::gateway {
namespace {

/// How deeply brackets nest outside of strings. For text that is no JSON the answer means nothing but is safe.
int nesting(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') deepest = std::max(deepest, ++depth);
    if (c == ']' || c == '}') --depth;
  }
  return deepest;
}

}  // namespace

bool parse_json_object(std::string_view text, nlohmann::json& object, std::string& error) {
  if (nesting(text) > kJsonDepthMax) {
    error = "the JSON is nested too deeply";
    return false;
  }
  object = nlohmann::json::parse(text.begin(), text.end(), nullptr, false);
  if (object.is_discarded()) {
    error = "the text is not valid JSON";
    return false;
  }
  if (!object.is_object()) {
    error = "the JSON is not an object";
    return false;
  }
  return true;
}

std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sluice::gateway
