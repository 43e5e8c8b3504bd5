#include "adapter/metric_answer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "adapter/metric_query.h"
#include "common/base/duration_text.h"

namespace sluice::adapter {
namespace {

// Seconds; the bounds that custom-metrics-apiserver has, so that a dashboard made for it still fits.
std::vector<double> freshness_bounds() {
  std::vector<double> out;
  for (double bound = 1; out.size() < 20; bound *= 1.364) out.push_back(bound);
  return out;
}

// "the server could not find the metric m for pods", with what the request wrote: clients look for this sentence.
std::string could_not_find(const Route& route) {
  std::string out = "the server could not find the metric " + route.metric + " for " + route.resource;
  if (!route.all()) out += " " + route.name;
  return out;
}

std::string could_not_find_any(const Route& route) {
  return "the server could not find the metric " + route.metric + " for " + route.resource;
}

// Whether an object may be called so: DNS names, and the colons of some RBAC objects. What none is called is not looked
// for, so that no rule can be too careless with its quotes.
bool is_object_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == ':' || c == '-';
  });
}

// Where the metric comes from, once it is found.
struct Found {
  const ResourceKind* resource = nullptr;
  const MetricSource* source = nullptr;
  bool in_namespace = false;
};

std::variant<Found, ApiError> find_metric(const Catalog& catalog, const Route& route) {
  if (!is_object_name(route.ns) || (!route.all() && !is_object_name(route.name))) {
    return not_found(could_not_find(route));
  }
  const GroupResource wanted = GroupResource::parse(route.resource);
  const ResourceKind* resource = catalog.resources().find(wanted);
  const auto entry =
      resource == nullptr ? catalog.index().end() : catalog.index().find({resource->group_resource(), route.metric});
  const bool in_namespace = !route.ns.empty();
  // A namespaced object cannot be asked for without its namespace, nor the other way round.
  if (entry != catalog.index().end() && resource->namespaced == in_namespace) {
    return Found{resource, &entry->second, in_namespace};
  }
  if (resource == nullptr && catalog.resources().is_unread(wanted.group)) {
    return service_unavailable(could_not_find_any(route) + ": the API server's resources of " + wanted.group +
                               " could not be read yet");
  }
  if (resource != nullptr && entry == catalog.index().end() && !catalog.not_listed().empty()) {
    return service_unavailable(could_not_find_any(route) +
                               ": not every rule's series are known: " + catalog.not_listed());
  }
  return not_found(could_not_find_any(route));
}

std::variant<std::vector<std::string>, ApiError> find_names(ObjectNames& objects, const Found& found,
                                                            const Route& route, const LabelSelector& selector) {
  const auto failed = [&](const Error& error) {
    const std::string message = "cannot list " + route.resource + ": " + error.message;
    return error.code == ErrorCode::kUnavailable ? service_unavailable(message) : internal_error(message);
  };
  if (!route.all()) {
    const auto there = objects.has(*found.resource, route.ns, route.name);
    if (!there) return failed(there.error());
    if (!*there) return not_found(could_not_find(route));
    return std::vector<std::string>{route.name};
  }
  auto names = objects.names(*found.resource, route.ns, selector);
  if (!names) return failed(names.error());
  if (names->empty()) return not_found(could_not_find_any(route));
  std::sort(names->begin(), names->end());
  return std::move(*names);
}

std::variant<std::string, ApiError> make_query(const Catalog& catalog, const Found& found, const Route& route,
                                               const std::vector<std::string>& names, const LabelSelector& series,
                                               std::string& resource_label) {
  const ResourceLabels& labels = catalog.labels(found.source->rule);
  auto label = labels.label_of(*found.resource);
  if (!label) return internal_error(label.error().message);
  QueryTarget target{found.source->series, *label, "", route.ns, names};
  if (found.in_namespace) {
    const ResourceKind* namespaces = catalog.resources().find({"", "namespaces"});
    if (namespaces == nullptr) return service_unavailable("the API server's resources are not known yet");
    auto namespace_label = labels.label_of(*namespaces);
    if (!namespace_label) return internal_error(namespace_label.error().message);
    target.namespace_label = *namespace_label;
  }
  resource_label = *label;
  auto query = build_query(catalog.rule(found.source->rule), target, series);
  if (!query) {
    const Error& bad = query.error();
    return bad.code == ErrorCode::kInternal ? internal_error(bad.message) : bad_request(bad.message);
  }
  return std::move(*query);
}

ApiError prometheus_failed(const Error& error, const Route& route, const Rule& rule) {
  const std::string what = "unable to fetch the metric " + route.metric + " for " + route.resource;
  if (error.code == ErrorCode::kUnavailable) return service_unavailable(what + ": " + error.message);
  return internal_error(what + " (rule " + std::to_string(rule.number) + "): " + error.message);
}

std::optional<ApiError> nothing_left(const Selection& selection, const Route& route, Duration age_max) {
  if (!selection.values.empty()) return std::nullopt;
  if (selection.too_old > 0) {
    const std::string what = "the metric " + route.metric + " for " + route.resource + " is too old: ";
    if (selection.oldest == Duration(0)) return service_unavailable(what + "no sample within Prometheus' look-back");
    return service_unavailable(what + "its newest sample is " + format_duration(selection.oldest) +
                               " old, and --metrics-max-age is " + format_duration(age_max));
  }
  if (selection.not_numbers > 0) return not_found(could_not_find(route) + ": its value is not a number");
  // Nothing at all: an empty list for a selector, as the peers answer; an object that is asked for by name is an error.
  return route.all() ? std::nullopt : std::optional(not_found(could_not_find(route)));
}

// When an object's newest sample was measured; nothing where Prometheus does not say.
std::optional<WallTime> measured_at(const std::map<std::string_view, const VectorElement*>& times,
                                    std::string_view name) {
  const auto time = times.find(name);
  if (time == times.end()) return std::nullopt;
  const double seconds = time->second->value;
  if (!std::isfinite(seconds) || std::abs(seconds) > 1e12) return std::nullopt;  // not of timestamp()
  return WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(std::llround(seconds * 1000.0))));
}

}  // namespace

Selection select_values(const std::vector<VectorElement>& elements, const std::vector<std::string>& names, WallTime now,
                        Duration age_max) {
  std::map<std::string_view, const VectorElement*> values, times;
  for (const VectorElement& element : elements) {
    auto& part = element.part == kPartTime ? times : values;
    part[element.object] = &element;
  }
  Selection out;
  out.values.reserve(std::min(names.size(), values.size()));
  for (const std::string& name : names) {
    const auto value = values.find(name);
    if (value == values.end()) continue;
    const auto quantity = format_quantity(value->second->value);
    if (!quantity) {
      ++out.not_numbers;
      continue;
    }
    const auto measured = measured_at(times, name);
    if (!measured || now - *measured > age_max) {
      ++out.too_old;
      if (measured) out.oldest = std::max(out.oldest, Duration(now - *measured));
      continue;
    }
    out.values.push_back({name, *quantity, *measured});
  }
  return out;
}

std::optional<MetricKey> unknown_metric(const Catalog& catalog, const Route& route) {
  const ResourceKind* resource = catalog.resources().find(GroupResource::parse(route.resource));
  if (resource == nullptr) return std::nullopt;
  MetricKey key{resource->group_resource(), route.metric};
  if (catalog.index().contains(key)) return std::nullopt;
  return key;
}

MetricAnswerer::MetricAnswerer(QueryApi& prometheus, ObjectNames& objects, const Clock& clock, Duration age_max,
                               MetricsRegistry& metrics)
    : prometheus_(prometheus),
      objects_(objects),
      clock_(clock),
      age_max_(age_max),
      freshness_(metrics.histogram("metrics_apiserver_metric_freshness_seconds", "Age of the samples served.",
                                   freshness_bounds(), {{"group", kApiGroup}})),
      left_out_too_old_(metrics.counter("sluice_adapter_samples_left_out_total",
                                        "Samples that were not served, by reason.", {{"reason", "too_old"}})),
      left_out_not_a_number_(metrics.counter("sluice_adapter_samples_left_out_total",
                                             "Samples that were not served, by reason.",
                                             {{"reason", "not_a_number"}})) {}

std::variant<std::string, ApiError> MetricAnswerer::answer(const Catalog& catalog, const Route& route,
                                                           std::string_view query) const {
  const auto selectors = parse_metric_query(query);
  if (!selectors) return bad_request(selectors.error().message);
  const auto selector_json = selectors->series.to_json();
  if (!selector_json) return bad_request("metricLabelSelector: " + selector_json.error().message);

  const auto found = find_metric(catalog, route);
  if (const auto* error = std::get_if<ApiError>(&found)) return *error;
  const Found& metric = std::get<Found>(found);
  const auto names = find_names(objects_, metric, route, selectors->objects);
  if (const auto* error = std::get_if<ApiError>(&names)) return *error;
  std::string resource_label;
  const auto promql = make_query(catalog, metric, route, std::get<0>(names), selectors->series, resource_label);
  if (const auto* error = std::get_if<ApiError>(&promql)) return *error;

  const auto elements = prometheus_.query(std::get<std::string>(promql), {resource_label, kPartLabel});
  if (!elements) return prometheus_failed(elements.error(), route, catalog.rule(metric.source->rule));
  const WallTime now = clock_.wall();
  const Selection selection = select_values(*elements, std::get<0>(names), now, age_max_);
  left_out_too_old_.add(selection.too_old);
  left_out_not_a_number_.add(selection.not_numbers);
  if (auto error = nothing_left(selection, route, age_max_)) return *error;
  for (const MetricValue& value : selection.values) {
    freshness_.observe(std::chrono::duration<double>(now - value.time).count());
  }
  return render_metric_list(route.version, *metric.resource, route.ns, route.metric, *selector_json, selection.values);
}

}  // namespace sluice::adapter
