#include "adapter/label_selector.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace sluice::adapter {
namespace {

using Operator = Requirement::Operator;

bool is_alphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_special(char c) {
  return std::string_view("=!(),<>").find(c) != std::string_view::npos;
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The part of a key behind the slash, and a value that is not empty: up to 63 characters, alphanumeric at both ends.
bool is_label_text(std::string_view text) {
  if (text.empty() || text.size() > 63 || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

// RFC 1123 subdomain.
bool is_prefix(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  char before = '.';
  for (const char c : text) {
    const bool lower_or_digit = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!lower_or_digit && c != '-' && c != '.') return false;
    if (!lower_or_digit && before == '.') return false;
    if (c == '.' && before == '-') return false;
    before = c;
  }
  return before != '.' && before != '-';
}

bool is_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_label_text(text);
  return is_prefix(text.substr(0, slash)) && is_label_text(text.substr(slash + 1));
}

std::optional<std::int64_t> integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// Splits "a in (b,c)" into words and operators. A word is anything between spaces and operators.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) { advance(); }
  [[nodiscard]] std::string_view now() const { return token_; }
  [[nodiscard]] bool at_end() const { return token_.empty(); }
  [[nodiscard]] bool at_word() const { return !at_end() && !is_special(token_.front()); }
  std::string_view take() {
    const std::string_view out = token_;
    advance();
    return out;
  }

 private:
  void advance() {
    while (!text_.empty() && is_space(text_.front())) text_.remove_prefix(1);
    std::size_t size = 0;
    if (!text_.empty() && is_special(text_.front())) {
      const std::string_view pair = text_.substr(0, 2);
      size = pair == "==" || pair == "!=" ? 2 : 1;
    } else {
      while (size < text_.size() && !is_special(text_[size]) && !is_space(text_[size])) ++size;
    }
    token_ = text_.substr(0, size);
    text_.remove_prefix(size);
  }

  std::string_view text_;
  std::string_view token_;
};

Error unexpected(const Tokens& tokens, std::string_view expected) {
  return {ErrorCode::kInvalid,
          "label selector: found '" + std::string(tokens.now()) + "', expected: " + std::string(expected)};
}

void add_value(std::vector<std::string>& values, std::string_view value) {
  const auto place = std::lower_bound(values.begin(), values.end(), value);
  if (place == values.end() || *place != value) values.insert(place, std::string(value));
}

// "(a,b)"; an empty place between commas or parentheses is the empty value.
Result<std::vector<std::string>> read_set(Tokens& tokens) {
  if (tokens.now() != "(") return unexpected(tokens, "'('");
  tokens.take();
  std::vector<std::string> values;
  for (;;) {
    add_value(values, tokens.at_word() ? tokens.take() : std::string_view());
    if (tokens.now() == ")") break;
    if (tokens.now() != ",") return unexpected(tokens, "',' or ')'");
    tokens.take();
  }
  tokens.take();
  return values;
}

Result<Operator> read_operator(Tokens& tokens) {
  static constexpr std::pair<std::string_view, Operator> kOperators[] = {
      {"=", Operator::kEquals},    {"==", Operator::kEquals},     {"!=", Operator::kNotEquals}, {"in", Operator::kIn},
      {"notin", Operator::kNotIn}, {">", Operator::kGreaterThan}, {"<", Operator::kLessThan}};
  for (const auto& [text, op] : kOperators) {
    if (tokens.now() != text) continue;
    tokens.take();
    return op;
  }
  return unexpected(tokens, "=, ==, !=, in, notin, > or <");
}

Status check_values(const Requirement& requirement) {
  for (const std::string& value : requirement.values) {
    if (!value.empty() && !is_label_text(value)) {
      return Error{ErrorCode::kInvalid, "label selector: \"" + value + "\" is no valid value of " + requirement.key};
    }
    const bool ordered = requirement.op == Operator::kGreaterThan || requirement.op == Operator::kLessThan;
    if (ordered && !integer(value)) {
      return Error{ErrorCode::kInvalid, "label selector: \"" + value + "\" is no integer, which > and < need"};
    }
  }
  return {};
}

Result<Requirement> read_requirement(Tokens& tokens) {
  Requirement out;
  const bool absent = tokens.now() == "!";
  if (absent) tokens.take();
  if (!tokens.at_word()) return unexpected(tokens, "a label's name");
  out.key = std::string(tokens.take());
  if (!is_key(out.key)) return Error{ErrorCode::kInvalid, "label selector: \"" + out.key + "\" is no valid label name"};
  if (absent || tokens.at_end() || tokens.now() == ",") {
    out.op = absent ? Operator::kDoesNotExist : Operator::kExists;
    return out;
  }
  const auto op = read_operator(tokens);
  if (!op) return op.error();
  out.op = *op;
  if (out.op == Operator::kIn || out.op == Operator::kNotIn) {
    auto values = read_set(tokens);
    if (!values) return values.error();
    out.values = std::move(*values);
  } else {
    out.values.emplace_back(tokens.at_word() ? tokens.take() : std::string_view());
  }
  if (Status bad = check_values(out); !bad) return bad.error();
  return out;
}

bool matches_one(const Requirement& requirement, std::optional<std::string_view> label) {
  const auto listed = [&] {
    return std::binary_search(requirement.values.begin(), requirement.values.end(), *label, std::less<>());
  };
  switch (requirement.op) {
    case Operator::kEquals:
    case Operator::kIn:
      return label && listed();
    case Operator::kNotEquals:
    case Operator::kNotIn:
      return !label || !listed();
    case Operator::kExists:
      return label.has_value();
    case Operator::kDoesNotExist:
      return !label;
    case Operator::kGreaterThan:
    case Operator::kLessThan: {
      const auto have = label ? integer(*label) : std::nullopt;
      const auto bound = integer(requirement.values.front());
      return have && bound && (requirement.op == Operator::kGreaterThan ? *have > *bound : *have < *bound);
    }
  }
  return false;
}

std::string joined(const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) out += (&value == &values.front() ? "" : ",") + value;
  return out;
}

std::string text_of(const Requirement& requirement) {
  switch (requirement.op) {
    case Operator::kEquals:
      return requirement.key + "=" + requirement.values.front();
    case Operator::kNotEquals:
      return requirement.key + "!=" + requirement.values.front();
    case Operator::kIn:
      return requirement.key + " in (" + joined(requirement.values) + ")";
    case Operator::kNotIn:
      return requirement.key + " notin (" + joined(requirement.values) + ")";
    case Operator::kExists:
      return requirement.key;
    case Operator::kDoesNotExist:
      return "!" + requirement.key;
    case Operator::kGreaterThan:
      return requirement.key + ">" + requirement.values.front();
    case Operator::kLessThan:
      return requirement.key + "<" + requirement.values.front();
  }
  return {};
}

}  // namespace

Result<LabelSelector> LabelSelector::parse(std::string_view text) {
  LabelSelector out;
  Tokens tokens(text);
  while (!tokens.at_end()) {
    auto requirement = read_requirement(tokens);
    if (!requirement) return requirement.error();
    out.requirements_.push_back(std::move(*requirement));
    if (tokens.at_end()) break;
    if (tokens.now() != ",") return unexpected(tokens, "',' or the end");
    tokens.take();
    if (!tokens.at_word() && tokens.now() != "!") return unexpected(tokens, "a label's name after ','");
  }
  std::stable_sort(out.requirements_.begin(), out.requirements_.end(),
                   [](const Requirement& a, const Requirement& b) { return a.key < b.key; });
  return out;
}

bool LabelSelector::matches(const Lookup& lookup) const {
  return std::all_of(requirements_.begin(), requirements_.end(),
                     [&](const Requirement& requirement) { return matches_one(requirement, lookup(requirement.key)); });
}

std::string LabelSelector::text() const {
  std::string out;
  for (const Requirement& requirement : requirements_) out += (out.empty() ? "" : ",") + text_of(requirement);
  return out;
}

Result<nlohmann::json> LabelSelector::to_json() const {
  nlohmann::json out;
  for (const Requirement& requirement : requirements_) {
    const char* op = nullptr;
    switch (requirement.op) {
      case Operator::kEquals:
        out["matchLabels"][requirement.key] = requirement.values.front();
        continue;
      case Operator::kIn:
        op = "In";
        break;
      case Operator::kNotEquals:
      case Operator::kNotIn:
        op = "NotIn";
        break;
      case Operator::kExists:
        op = "Exists";
        break;
      case Operator::kDoesNotExist:
        op = "DoesNotExist";
        break;
      case Operator::kGreaterThan:
      case Operator::kLessThan:
        return Error{ErrorCode::kInvalid, "label selector: > and < are not supported here"};
    }
    nlohmann::json expression{{"key", requirement.key}, {"operator", op}};
    if (!requirement.values.empty()) expression["values"] = requirement.values;
    out["matchExpressions"].push_back(std::move(expression));
  }
  return out;
}

}  // namespace sluice::adapter
