#include "adapter/metric_query.h"

#include <nlohmann/json.hpp>

#include "adapter/promql.h"

namespace sluice::adapter {
namespace {

// What the template sees. Texts that go between quotes of the rule's own are escaped for a PromQL string; one value
// alone stays plain (it may stand behind '='), several are a regular expression (they must stand behind '=~').
struct Matchers {
  std::string text;
  nlohmann::json values_by_name = nlohmann::json::object();

  void add(const std::string& matcher) { text += (text.empty() ? "" : ",") + matcher; }
  void set_values(const std::string& label, const std::vector<std::string>& values) {
    values_by_name[label] = promql_escape(values.size() == 1 ? values.front() : any_of(values));
  }
};

Status add_requirement(const Requirement& requirement, Matchers& matchers) {
  using Operator = Requirement::Operator;
  if (!is_label_name(requirement.key)) {
    return Error{ErrorCode::kInvalid, "metric label selector: \"" + requirement.key + "\" is no Prometheus label name"};
  }
  switch (requirement.op) {
    case Operator::kEquals:
    case Operator::kNotEquals:
      matchers.add(matcher_equal(requirement.key, requirement.values.front(), requirement.op == Operator::kNotEquals));
      break;
    case Operator::kIn:
    case Operator::kNotIn:
      matchers.add(matcher_any(requirement.key, requirement.values, requirement.op == Operator::kNotIn));
      break;
    case Operator::kExists:
    case Operator::kDoesNotExist:
      matchers.add(matcher_equal(requirement.key, "", requirement.op == Operator::kExists));
      break;
    case Operator::kGreaterThan:
    case Operator::kLessThan:
      return Error{ErrorCode::kInvalid, "metric label selector: > and < are not supported by Prometheus"};
  }
  matchers.set_values(requirement.key, requirement.values);
  return {};
}

Result<Matchers> make_matchers(const QueryTarget& target, const LabelSelector& metric_selector) {
  Matchers out;
  for (const Requirement& requirement : metric_selector.requirements()) {
    if (Status bad = add_requirement(requirement, out); !bad) return bad.error();
  }
  if (!target.namespace_label.empty()) {
    out.add(matcher_equal(target.namespace_label, target.ns));
    out.set_values(target.namespace_label, {target.ns});
  }
  out.add(target.names.size() == 1 ? matcher_equal(target.resource_label, target.names.front())
                                   : matcher_any(target.resource_label, target.names));
  out.set_values(target.resource_label, target.names);
  return out;
}

Result<std::string> render(const Rule& rule, const QueryTarget& target, const Matchers& matchers) {
  const std::string what = "rule " + std::to_string(rule.number) + ": metricsQuery";
  auto query = rule.metrics_query.render({{"Series", target.series},
                                          {"LabelMatchers", matchers.text},
                                          {"LabelValuesByName", matchers.values_by_name},
                                          {"GroupBy", target.resource_label},
                                          {"GroupBySlice", nlohmann::json::array({target.resource_label})}});
  if (!query) return Error{ErrorCode::kInternal, what + ": " + query.error().message};
  if (query->empty()) return Error{ErrorCode::kInternal, what + ": makes an empty query"};
  return query;
}

// The newlines let a query end in a comment.
std::string marked(const std::string& query, const char* part) {
  return "label_replace((\n" + query + "\n), \"" + kPartLabel + "\", \"" + part + "\", \"\", \"\")";
}

}  // namespace

Result<std::string> build_value_query(const Rule& rule, const QueryTarget& target,
                                      const LabelSelector& metric_selector) {
  const auto matchers = make_matchers(target, metric_selector);
  return matchers ? render(rule, target, *matchers) : Result<std::string>(matchers.error());
}

Result<std::string> build_query(const Rule& rule, const QueryTarget& target, const LabelSelector& metric_selector) {
  const auto matchers = make_matchers(target, metric_selector);
  if (!matchers) return matchers.error();
  const auto values = render(rule, target, *matchers);
  if (!values) return values.error();
  // The name as a matcher: a name in UTF-8, as Prometheus 3 allows it, could not stand before the braces.
  const std::string series = "{" + matcher_equal("__name__", target.series) + "," + matchers->text + "}";
  const std::string times = "max by (" + target.resource_label + ") (timestamp(" + series + "))";
  return marked(*values, kPartValue) + " or " + marked(times, kPartTime);
}

}  // namespace sluice::adapter
