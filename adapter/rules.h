// The rule file: which series of Prometheus become which metrics of which objects, and by what query. The format is
// prometheus-adapter's, read strictly; each error is one line "FILE:LINE: rule N: field: what is wrong".
// Source: sigs.k8s.io/prometheus-adapter pkg/config (MetricsDiscoveryConfig).
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/go_template.h"
#include "adapter/regex.h"
#include "common/base/result.h"

namespace sluice::adapter {

/// schema.GroupResource: a resource without its version. `resource` may be plural or singular where a person wrote it.
struct GroupResource {
  std::string group;
  std::string resource;

  /// "pods" or "realtimegateways.sluice.dev", as it stands in paths and messages.
  [[nodiscard]] std::string text() const { return group.empty() ? resource : resource + "." + group; }
  /// The inverse of text(): the group begins behind the first dot.
  static GroupResource parse(std::string_view text);
  auto operator<=>(const GroupResource&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 misreads it
};

/// A regular expression that a series name must (or must not) contain.
struct SeriesFilter {
  Regex pattern;
  bool wanted = true;
};

struct Rule {
  int number = 0;  ///< From 1, in the file's order.
  std::string series_query;
  std::vector<SeriesFilter> series_filters;        ///< `name.matches` is one of them.
  std::optional<GoTemplate> label_template;        ///< resources.template, of .Group and .Resource.
  std::optional<Regex> label_pattern;              ///< The same read backwards: groups `group` and `resource`.
  std::map<std::string, GroupResource> overrides;  ///< Label name to resource.
  bool namespaced = true;                          ///< resources.namespaced; used by external metrics only.
  Regex name_matches;
  std::string name_as;
  GoTemplate metrics_query;

  [[nodiscard]] bool wants_series(std::string_view name) const;
  /// The metric's name in the API; false where the series has none (no match, or an empty or impossible name).
  bool metric_name(std::string_view series, std::string& out) const;
};

/// Errors: kNotFound (no file), kInvalid (one line that names file, line, rule and field).
Result<std::vector<Rule>> load_rules(const std::string& path);
/// The same from text; `name` stands for the path in errors.
Result<std::vector<Rule>> parse_rules(std::string_view text, const std::string& name);

}  // namespace sluice::adapter
