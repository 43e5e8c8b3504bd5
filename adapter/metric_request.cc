#include "adapter/metric_request.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "common/http/client.h"

namespace sluice::adapter {
namespace {

// A query writes a space as '+'.
std::string decode_query(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '+', ' ');
  return http::url_decode(out);
}

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    if (path.front() == '/') path.remove_prefix(1);
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    path.remove_prefix(segment.size());
    if (segment.empty() && path.empty()) break;  // a slash at the end
    out.push_back(http::url_decode(segment));
  }
  return out;
}

bool is_version(const std::string& text) {
  return std::find(std::begin(kVersions), std::end(kVersions), text) != std::end(kVersions);
}

// The segments behind the version.
Route parse_metric(Route route, const std::vector<std::string>& parts) {
  const bool in_namespace = parts[0] == "namespaces";
  const bool whole = std::none_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); });
  route.kind = RouteKind::kMetric;
  if (whole && in_namespace && parts.size() == 4 && parts[2] == "metrics") {
    route.resource = "namespaces";
    route.name = parts[1];
    route.metric = parts[3];
    route.of_namespace = true;
  } else if (whole && in_namespace && parts.size() == 5) {
    route.ns = parts[1];
    route.resource = parts[2];
    route.name = parts[3];
    route.metric = parts[4];
  } else if (whole && !in_namespace && parts.size() == 3) {
    route.resource = parts[0];
    route.name = parts[1];
    route.metric = parts[2];
  } else {
    route.kind = RouteKind::kMalformed;
  }
  return route;
}

}  // namespace

Route parse_route(std::string_view path) {
  Route route;
  const auto is = [&](RouteKind kind) {
    route.kind = kind;
    return route;
  };
  const std::vector<std::string> parts = segments_of(path);
  if (parts.empty()) return is(RouteKind::kUnknown);
  if (parts[0] == "openapi") return is(RouteKind::kOpenApi);
  if (parts[0] == "livez" || parts[0] == "healthz") return is(RouteKind::kLive);
  if (parts[0] == "readyz") return is(RouteKind::kReady);
  if (parts.size() == 1 && parts[0] == "version") return is(RouteKind::kServerVersion);
  if (parts.size() == 1 && parts[0] == "metrics") return is(RouteKind::kServerMetrics);
  if (parts[0] != "apis") return is(RouteKind::kUnknown);
  if (parts.size() == 1) return is(RouteKind::kGroups);
  if (parts[1] != kApiGroup) return is(RouteKind::kUnknown);
  if (parts.size() == 2) return is(RouteKind::kGroup);
  if (!is_version(parts[2])) return is(RouteKind::kUnknown);
  route.version = parts[2];
  if (parts.size() == 3) return is(RouteKind::kResources);
  return parse_metric(std::move(route), {parts.begin() + 3, parts.end()});
}

Result<MetricQuery> parse_metric_query(std::string_view query) {
  MetricQuery out;
  std::map<std::string_view, LabelSelector*> wanted = {{"labelSelector", &out.objects},
                                                       {"metricLabelSelector", &out.series}};
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const std::string name = decode_query(pair.substr(0, equals));
    const std::string value = equals == std::string_view::npos ? "" : decode_query(pair.substr(equals + 1));
    const auto into = wanted.find(name);
    if (into == wanted.end()) continue;
    auto selector = LabelSelector::parse(value);
    if (!selector) return selector.error().in(name);
    *into->second = std::move(*selector);
    wanted.erase(into);
  }
  return out;
}

}  // namespace sluice::adapter
