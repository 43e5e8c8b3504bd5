#include "adapter/go_template.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kOpen = "<<";
constexpr std::string_view kClose = ">>";

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string_view trim_left(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

std::string_view trim_right(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Error not_supported(std::string_view action) {
  return {ErrorCode::kInvalid,
          "<<" + std::string(action) +
              ">> is not supported (supported: <<.Field>>, <<.Field.key>>, <<index .Field \"key\">>)"};
}

// Where the action's end mark stands: quotes may hold one.
std::size_t find_close(std::string_view text) {
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == '\\' && quote == '"') {
        ++i;
      } else if (c == quote) {
        quote = '\0';
      }
      continue;
    }
    if (c == '"' || c == '`') quote = c;
    if (text.substr(i, kClose.size()) == kClose) return i;
  }
  return std::string_view::npos;
}

// Reads one word off the front: an identifier, or nothing.
std::string_view take_identifier(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && (is_letter(text[size]) || (size > 0 && is_digit(text[size])))) ++size;
  const std::string_view out = text.substr(0, size);
  text.remove_prefix(size);
  return out;
}

// ".A.B" off the front; empty where there is none.
std::vector<std::string> take_path(std::string_view& text) {
  std::vector<std::string> out;
  while (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    const std::string_view name = take_identifier(text);
    if (name.empty()) return {};
    out.emplace_back(name);
  }
  return out;
}

// "key" or `key` off the front, with the escapes that a label's name could ever need.
std::optional<std::string> take_quoted(std::string_view& text) {
  const char quote = text.front();
  text.remove_prefix(1);
  std::string out;
  while (!text.empty() && text.front() != quote) {
    if (quote == '"' && text.front() == '\\') {
      text.remove_prefix(1);
      if (text.empty() || (text.front() != '"' && text.front() != '\\')) return std::nullopt;
    }
    out += text.front();
    text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  text.remove_prefix(1);
  return out;
}

std::string print(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string out;
  if (value.is_array()) {
    for (const Json& item : value) out += (out.empty() ? "" : " ") + print(item);
    return "[" + out + "]";
  }
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) out += (out.empty() ? "" : " ") + key + ":" + print(item);
    return "map[" + out + "]";
  }
  return "<no value>";
}

}  // namespace

Result<GoTemplate::Action> GoTemplate::parse_action(std::string_view source,
                                                    std::initializer_list<std::string_view> fields) {
  Action out;
  out.source = std::string(source);
  std::string_view rest = source;
  std::string_view after_index = rest;
  const bool index = take_identifier(after_index) == "index" && !after_index.empty() && is_space(after_index.front());
  if (index) rest = trim_left(after_index);
  out.path = take_path(rest);
  if (out.path.empty()) return not_supported(source);
  if (std::find(fields.begin(), fields.end(), out.path.front()) == fields.end()) {
    std::string known;
    for (const std::string_view field : fields) known += (known.empty() ? "." : ", .") + std::string(field);
    return Error{ErrorCode::kInvalid, "<<" + out.source + ">> names an unknown field (known: " + known + ")"};
  }
  while (index && !rest.empty()) {
    const std::string_view trimmed = trim_left(rest);
    if (trimmed.size() == rest.size()) return not_supported(source);
    rest = trimmed;
    if (rest.front() == '"' || rest.front() == '`') {
      auto key = take_quoted(rest);
      if (!key) return not_supported(source);
      out.index.emplace_back(std::move(*key));
      continue;
    }
    std::size_t position = 0;
    const auto [end, bad] = std::from_chars(rest.data(), rest.data() + rest.size(), position);
    if (bad != std::errc()) return not_supported(source);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    out.index.emplace_back(position);
  }
  if (!rest.empty()) return not_supported(source);
  return out;
}

Result<GoTemplate> GoTemplate::parse(std::string_view text, std::initializer_list<std::string_view> fields) {
  GoTemplate out;
  bool trim_next = false;
  for (;;) {
    const std::size_t open = text.find(kOpen);
    std::string_view plain = text.substr(0, open);
    if (trim_next) plain = trim_left(plain);
    if (open == std::string_view::npos) {
      if (!plain.empty()) out.nodes_.emplace_back(std::string(plain));
      return out;
    }
    text.remove_prefix(open + kOpen.size());
    if (text.size() > 1 && text.front() == '-' && is_space(text[1])) {
      plain = trim_right(plain);
      text.remove_prefix(1);
    }
    if (!plain.empty()) out.nodes_.emplace_back(std::string(plain));
    const std::size_t close = find_close(text);
    if (close == std::string_view::npos) return Error{ErrorCode::kInvalid, "<< without >>"};
    std::string_view action = text.substr(0, close);
    text.remove_prefix(close + kClose.size());
    trim_next = action.size() > 1 && action.back() == '-' && is_space(action[action.size() - 2]);
    if (trim_next) action.remove_suffix(1);
    action = trim_right(trim_left(action));
    if (action.size() >= 4 && action.starts_with("/*") && action.ends_with("*/")) continue;
    auto parsed = parse_action(action, fields);
    if (!parsed) return parsed.error();
    out.nodes_.emplace_back(std::move(*parsed));
  }
}

Result<std::string> GoTemplate::render(const nlohmann::json& data) const {
  std::string out;
  for (const Node& node : nodes_) {
    if (const auto* text = std::get_if<std::string>(&node)) {
      out += *text;
      continue;
    }
    const Action& action = std::get<Action>(node);
    const Error wrong{ErrorCode::kInvalid, "<<" + action.source + ">> has no value here"};
    static const Json kNoValue;    // what Go calls "no value"
    static const Json kZero = "";  // what `index` answers for a key that is not in the map
    const Json* at = &data;
    for (const std::string& name : action.path) {
      if (!at->is_object()) return wrong;
      const auto found = at->find(name);
      at = found == at->end() ? &kNoValue : &*found;
    }
    for (const Step& step : action.index) {
      if (const auto* key = std::get_if<std::string>(&step)) {
        if (!at->is_object()) return wrong;
        const auto found = at->find(*key);
        at = found == at->end() ? &kZero : &*found;
      } else {
        const std::size_t position = std::get<std::size_t>(step);
        if (!at->is_array() || position >= at->size()) return wrong;
        at = &(*at)[position];
      }
    }
    out += print(*at);
  }
  return out;
}

bool GoTemplate::uses(std::string_view field) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& node) {
    const auto* action = std::get_if<Action>(&node);
    return action != nullptr && action->path.front() == field;
  });
}

}  // namespace sluice::adapter
