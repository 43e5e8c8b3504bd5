// The part of Go's text/template that rule files use, between << and >>: fields (.Series), fields of maps
// (.LabelValuesByName.pod), `index MAP "key"`, `index LIST 0`, comments and trim marks. What is not supported is
// refused when the rule is read, never when it is used. Source: Go text/template, prometheus-adapter pkg/naming.
#pragma once

#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/result.h"

namespace sluice::adapter {

/// A compiled template. Immutable; threads: any.
class GoTemplate {
 public:
  GoTemplate() = default;
  /// `fields` are the names that may stand behind the first dot. Errors: kInvalid with the action that is not
  /// understood.
  static Result<GoTemplate> parse(std::string_view text, std::initializer_list<std::string_view> fields);

  /// `data` holds each field as a string, a list of strings or a map of strings. They print as Go prints them: a list
  /// as [a b], a map as map[k:v], an absent field of a map as <no value>. Errors: kInvalid (an index out of range, a
  /// field of something that is no map).
  [[nodiscard]] Result<std::string> render(const nlohmann::json& data) const;

  /// Whether `field` is used anywhere.
  [[nodiscard]] bool uses(std::string_view field) const;

 private:
  using Step = std::variant<std::string, std::size_t>;
  struct Action {
    std::vector<std::string> path;  // .A.B
    std::vector<Step> index;        // what `index` adds to it
    std::string source;             // for errors
  };
  using Node = std::variant<std::string, Action>;

  static Result<Action> parse_action(std::string_view source, std::initializer_list<std::string_view> fields);

  std::vector<Node> nodes_;
};

}  // namespace sluice::adapter
