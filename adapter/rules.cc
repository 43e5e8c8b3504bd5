#include "adapter/rules.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "adapter/promql.h"
#include "common/base/config_file.h"

namespace sluice::adapter {
namespace {

constexpr std::size_t kRulesMax = 1000;

// Reads one rule. The first error wins; after it the readers answer empty values and nothing else is looked at.
class RuleReader {
 public:
  RuleReader(std::string file, int number, int line) : file_(std::move(file)), line_(line) { rule_.number = number; }

  Result<Rule> read(const ConfigNode& node) {
    each(node, "", [&](const std::string& field, const ConfigNode& value) {
      if (field == "seriesQuery") {
        rule_.series_query = text(value, field);
      } else if (field == "seriesFilters") {
        read_filters(value);
      } else if (field == "resources") {
        read_resources(value);
      } else if (field == "name") {
        read_name(value);
      } else if (field == "metricsQuery") {
        read_query(value);
      } else {
        unknown(value, field, "seriesQuery, seriesFilters, resources, name, metricsQuery");
      }
    });
    if (rule_.series_query.empty()) fail(line_, "seriesQuery", "is missing");
    if (!has_query_) fail(line_, "metricsQuery", "is missing");
    if (!rule_.label_template && rule_.overrides.empty()) {
      fail(line_, "resources", "needs a template or overrides: no series could belong to an object");
    }
    finish_name();
    if (error_) return *error_;
    return std::move(rule_);
  }

 private:
  using FieldReader = std::function<void(const std::string&, const ConfigNode&)>;

  void fail(int line, const std::string& field, const std::string& what) {
    if (error_) return;
    error_ = Error{ErrorCode::kInvalid, file_ + ":" + std::to_string(line) + ": rule " + std::to_string(rule_.number) +
                                            ": " + field + ": " + what};
  }
  // A field without a value is absent to the reader, so its line is not known: the one before it is close enough.
  void unknown(const ConfigNode& node, const std::string& field, const std::string& known) {
    fail(std::max(node.line(), line_), field, "unknown field (known: " + known + ")");
  }

  void each(const ConfigNode& node, const std::string& field, const FieldReader& read) {
    if (error_ || !node.present()) return;
    if (!node.is_map()) return fail(node.line(), field.empty() ? "rule" : field, "must be a map of fields");
    for (const auto& [name, value] : node.fields()) {
      line_ = std::max(line_, value.line());
      read(name, value);
    }
  }

  std::string text(const ConfigNode& node, const std::string& field) {
    if (!node.present()) return {};
    if (node.is_scalar()) return node.scalar();
    fail(node.line(), field, "must be a single value");
    return {};
  }

  std::optional<Regex> regex(const ConfigNode& node, const std::string& field) {
    const std::string pattern = text(node, field);
    if (error_ || pattern.empty()) return std::nullopt;
    auto compiled = Regex::compile(pattern);
    if (compiled) return std::move(*compiled);
    fail(node.line(), field, "is no regular expression: " + compiled.error().message);
    return std::nullopt;
  }

  void read_filters(const ConfigNode& node) {
    if (!node.present()) return;
    if (!node.is_list()) return fail(node.line(), "seriesFilters", "must be a list");
    for (const ConfigNode& item : node.items()) {
      int given = 0;
      each(item, "seriesFilters", [&](const std::string& field, const ConfigNode& value) {
        const std::string path = "seriesFilters." + field;
        if (field != "is" && field != "isNot") return unknown(value, path, "is, isNot");
        if (auto pattern = regex(value, path)) {
          rule_.series_filters.push_back({std::move(*pattern), field == "is"});
          ++given;
        }
      });
      if (given != 1) fail(std::max(item.line(), line_), "seriesFilters", "each filter has either is or isNot");
    }
  }

  void read_resources(const ConfigNode& node) {
    each(node, "resources", [&](const std::string& field, const ConfigNode& value) {
      const std::string path = "resources." + field;
      if (field == "template") {
        read_label_template(value);
      } else if (field == "overrides") {
        each(value, path, [&](const std::string& label, const ConfigNode& to) { read_override(label, to); });
      } else if (field == "namespaced") {
        const std::string raw = text(value, path);
        if (raw != "true" && raw != "false") fail(value.line(), path, "\"" + raw + "\" is neither true nor false");
        rule_.namespaced = raw != "false";
      } else {
        unknown(value, path, "template, overrides, namespaced");
      }
    });
  }

  void read_override(const std::string& label, const ConfigNode& node) {
    const std::string path = "resources.overrides." + label;
    if (!is_label_name(label)) fail(std::max(node.line(), line_), path, "is no label name");
    GroupResource to;
    each(node, path, [&](const std::string& field, const ConfigNode& value) {
      if (field == "group") {
        to.group = text(value, path + ".group");
      } else if (field == "resource") {
        to.resource = text(value, path + ".resource");
      } else {
        unknown(value, path + "." + field, "group, resource");
      }
    });
    if (to.resource.empty()) fail(std::max(node.line(), line_), path, "needs a resource");
    rule_.overrides[label] = std::move(to);
  }

  void read_label_template(const ConfigNode& node) {
    const std::string source = text(node, "resources.template");
    if (error_ || source.empty()) return;
    auto parsed = GoTemplate::parse(source, {"Group", "Resource"});
    if (!parsed) return fail(node.line(), "resources.template", parsed.error().message);
    if (!parsed->uses("Resource")) return fail(node.line(), "resources.template", "must contain <<.Resource>>");
    const auto pattern =
        parsed->render({{"Group", "(?P<group>.+?)"}, {"Resource", "(?P<resource>.+?)"}});  // prometheus-adapter's way
    if (!pattern) return fail(node.line(), "resources.template", pattern.error().message);
    auto compiled = Regex::compile("^" + *pattern + "$");
    if (!compiled) return fail(node.line(), "resources.template", compiled.error().message);
    rule_.label_template = std::move(*parsed);
    rule_.label_pattern = std::move(*compiled);
  }

  void read_name(const ConfigNode& node) {
    name_line_ = node.line();
    each(node, "name", [&](const std::string& field, const ConfigNode& value) {
      if (field == "matches") {
        matches_ = regex(value, "name.matches");
      } else if (field == "as") {
        rule_.name_as = text(value, "name.as");
      } else {
        unknown(value, "name." + field, "matches, as");
      }
    });
  }

  void finish_name() {
    if (error_) return;
    const int groups = matches_ ? matches_->groups() : 0;
    if (rule_.name_as.empty() && groups > 1) {
      return fail(name_line_, "name.as", "is missing, and name.matches has " + std::to_string(groups) + " groups");
    }
    if (rule_.name_as.empty()) rule_.name_as = groups == 1 ? "$1" : "$0";
    if (matches_) rule_.series_filters.push_back({*matches_, true});
    rule_.name_matches = matches_ ? *matches_ : *Regex::compile(".*");
  }

  void read_query(const ConfigNode& node) {
    const std::string source = text(node, "metricsQuery");
    if (error_ || source.empty()) return;
    auto parsed =
        GoTemplate::parse(source, {"Series", "LabelMatchers", "LabelValuesByName", "GroupBy", "GroupBySlice"});
    if (!parsed) return fail(node.line(), "metricsQuery", parsed.error().message);
    rule_.metrics_query = std::move(*parsed);
    has_query_ = true;
  }

  const std::string file_;
  int line_;
  int name_line_ = 0;
  Rule rule_;
  std::optional<Regex> matches_;
  bool has_query_ = false;
  std::optional<Error> error_;
};

Error at(const std::string& name, const ConfigNode& node, const std::string& what) {
  return {ErrorCode::kInvalid, name + ":" + std::to_string(std::max(node.line(), 1)) + ": " + what};
}

Result<std::vector<Rule>> read_rules(const ConfigFile& file, const std::string& name) {
  const ConfigNode root = file.root();
  if (!root.is_map()) return at(name, root, "must be a map with the field rules");
  std::vector<Rule> out;
  for (const auto& [field, value] : root.fields()) {
    if (field == "externalRules" || field == "resourceRules") {
      if (value.present() && !(value.is_list() && value.items().empty())) {
        return at(name, value, field + ": this version serves custom metrics only; remove the section");
      }
      continue;
    }
    if (field != "rules") return at(name, value, field + ": unknown field (known: rules)");
    if (value.present() && !value.is_list()) return at(name, value, "rules: must be a list");
    const std::vector<ConfigNode> items = value.items();
    if (items.size() > kRulesMax) return at(name, value, "rules: more than " + std::to_string(kRulesMax));
    for (const ConfigNode& item : items) {
      const int number = static_cast<int>(out.size()) + 1;
      auto rule = RuleReader(name, number, std::max(item.line(), value.line())).read(item);
      if (!rule) return rule.error();
      out.push_back(std::move(*rule));
    }
  }
  if (out.empty()) return at(name, root, "rules: at least one rule is needed");
  return out;
}

}  // namespace

GroupResource GroupResource::parse(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return {"", std::string(text)};
  return {std::string(text.substr(dot + 1)), std::string(text.substr(0, dot))};
}

bool Rule::wants_series(std::string_view name) const {
  return std::all_of(series_filters.begin(), series_filters.end(),
                     [&](const SeriesFilter& filter) { return filter.pattern.occurs_in(name) == filter.wanted; });
}

bool Rule::metric_name(std::string_view series, std::string& out) const {
  // The name becomes a segment of a URL's path.
  return name_matches.expand(series, name_as, out) && !out.empty() && out.find_first_of("/%?#") == std::string::npos;
}

Result<std::vector<Rule>> load_rules(const std::string& path) {
  const auto file = ConfigFile::load(path);
  if (!file) return file.error();
  return read_rules(*file, path);
}

Result<std::vector<Rule>> parse_rules(std::string_view text, const std::string& name) {
  const auto file = ConfigFile::parse(text, name);
  if (!file) return file.error();
  return read_rules(*file, name);
}

}  // namespace sluice::adapter
