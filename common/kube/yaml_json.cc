#include "common/kube/yaml_json.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <string>

namespace sluice::kube {
namespace {

constexpr int kDepthMax = 32;

template <typename Number>
bool read_number(const std::string& text, Number& out) {
  const char* end = text.data() + text.size();
  const auto [at, fault] = std::from_chars(text.data(), end, out);
  return fault == std::errc() && at == end && !text.empty();
}

/// A scalar without quotes.
Json plain(const std::string& text) {
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true" || text == "false") return text == "true";
  // Not "inf" and "nan", which from_chars knows and JSON does not.
  if (text.find_first_not_of("+-.0123456789eE") != std::string::npos) return text;
  std::int64_t integer = 0;
  if (read_number(text, integer)) return integer;
  double real = 0;
  if (read_number(text, real)) return real;
  return text;
}

Result<Json> convert(const YAML::Node& node, int depth) {
  if (depth > kDepthMax) return Error{ErrorCode::kInvalid, "is nested too deeply"};
  if (!node.IsDefined() || node.IsNull()) return Json();
  if (node.IsScalar()) return node.Tag() == "!" ? Json(node.Scalar()) : plain(node.Scalar());
  Json out = node.IsMap() ? Json::object() : Json::array();
  if (node.IsMap()) {
    for (const auto& pair : node) {
      if (!pair.first.IsScalar()) return Error{ErrorCode::kInvalid, "has a key that is no text"};
      Result<Json> value = convert(pair.second, depth + 1);
      if (!value) return value;
      out[pair.first.Scalar()] = std::move(*value);
    }
    return out;
  }
  for (const YAML::Node& item : node) {
    Result<Json> value = convert(item, depth + 1);
    if (!value) return value;
    out.push_back(std::move(*value));
  }
  return out;
}

}  // namespace

Result<Json> yaml_to_json(const YAML::Node& node) {
  return convert(node, 0);
}

}  // namespace sluice::kube
