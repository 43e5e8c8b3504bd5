#include "adapter/regex.h"

#include <re2/re2.h>

#include <charconv>
#include <vector>

namespace sluice::adapter {

struct Regex::Impl {
  explicit Impl(const std::string& pattern) : re(pattern, RE2::Quiet) {}
  RE2 re;
};

namespace {

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// The name behind a '$' at the front of `text`, and how many characters it took; 0 where it is malformed.
std::string_view reference(std::string_view text, std::size_t& taken) {
  taken = 0;
  const bool braces = !text.empty() && text.front() == '{';
  std::string_view rest = braces ? text.substr(1) : text;
  std::size_t size = 0;
  while (size < rest.size() && is_name_character(rest[size])) ++size;
  if (size == 0 || (braces && (size == rest.size() || rest[size] != '}'))) return {};
  taken = braces ? size + 2 : size;
  return rest.substr(0, size);
}

int group_number(const RE2& re, std::string_view name) {
  int number = 0;
  const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (bad == std::errc() && end == name.data() + name.size()) return number;
  const auto found = re.NamedCapturingGroups().find(std::string(name));
  return found == re.NamedCapturingGroups().end() ? -1 : found->second;
}

}  // namespace

Result<Regex> Regex::compile(const std::string& pattern) {
  Regex out;
  auto impl = std::make_shared<const Impl>(pattern);
  if (!impl->re.ok()) return Error{ErrorCode::kInvalid, "\"" + pattern + "\": " + impl->re.error()};
  out.impl_ = std::move(impl);
  return out;
}

std::string Regex::quote(std::string_view text) {
  // Not RE2::QuoteMeta, which also escapes '-' and '_': shorter queries, and readable ones.
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

bool Regex::occurs_in(std::string_view text) const {
  return RE2::PartialMatch(piece(text), impl_->re);
}

bool Regex::expand(std::string_view text, std::string_view replacement, std::string& out) const {
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(groups()) + 1);
  if (!impl_->re.Match(piece(text), 0, text.size(), RE2::UNANCHORED, found.data(), static_cast<int>(found.size()))) {
    return false;
  }
  out.clear();
  while (!replacement.empty()) {
    const std::size_t dollar = replacement.find('$');
    out += replacement.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    replacement.remove_prefix(dollar + 1);
    if (!replacement.empty() && replacement.front() == '$') {
      out += '$';
      replacement.remove_prefix(1);
      continue;
    }
    std::size_t taken = 0;
    const std::string_view name = reference(replacement, taken);
    if (taken == 0) {
      out += '$';  // malformed: Go treats it as a plain dollar
      continue;
    }
    replacement.remove_prefix(taken);
    const int number = group_number(impl_->re, name);
    if (number >= 0 && number < static_cast<int>(found.size())) {
      const re2::StringPiece& group = found[static_cast<std::size_t>(number)];
      out.append(group.data() == nullptr ? "" : group.data(), group.size());
    }
  }
  return true;
}

int Regex::groups() const {
  return impl_->re.NumberOfCapturingGroups();
}

const std::string& Regex::pattern() const {
  return impl_->re.pattern();
}

}  // namespace sluice::adapter
