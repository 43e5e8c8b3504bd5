// Regular expressions with the meaning Go gives them: RE2, the engine that Go's regexp package mirrors. The only door
// to it. Linear time whatever the pattern, so a rule file cannot hang the adapter.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace sluice::adapter {

/// Immutable; copies share it. Threads: any.
class Regex {
 public:
  /// Errors: kInvalid with the engine's reason.
  static Result<Regex> compile(const std::string& pattern);
  /// `text` with every special character escaped, so that it matches only itself.
  static std::string quote(std::string_view text);

  /// Whether the pattern occurs anywhere in `text` (regexp.MatchString).
  [[nodiscard]] bool occurs_in(std::string_view text) const;
  /// `replacement` with $1, ${1}, $name, ${name} and $$ replaced from the first occurrence in `text`, as Go's
  /// Regexp.Expand does it: a group that is not there is empty, and $1x is the group named "1x". False where the
  /// pattern does not occur.
  bool expand(std::string_view text, std::string_view replacement, std::string& out) const;
  /// The number of groups.
  [[nodiscard]] int groups() const;
  [[nodiscard]] const std::string& pattern() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace sluice::adapter
