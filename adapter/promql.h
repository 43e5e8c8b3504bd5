// Small pieces of PromQL, made so that no value can become syntax. Source:
// prometheus.io/docs/prometheus/latest/querying.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::adapter {

/// Whether `name` may stand for a label in a matcher: [a-zA-Z_][a-zA-Z0-9_]*.
bool is_label_name(std::string_view name);

/// What stands between the quotes of a PromQL string: quotes of every kind, backslashes and control characters escaped,
/// since a rule may put a value between quotes of its own.
std::string promql_escape(std::string_view value);

/// `label="value"` and `label!="value"`.
std::string matcher_equal(std::string_view label, std::string_view value, bool negated = false);
/// `label=~"a|b"` and `label!~"a|b"`: exactly one of the values, each escaped as a regular expression.
std::string matcher_any(std::string_view label, const std::vector<std::string>& values, bool negated = false);
/// The values as one regular expression "a|b", escaped for RE2 but not yet for a string.
std::string any_of(const std::vector<std::string>& values);

}  // namespace sluice::adapter
