#include "adapter/routes.h"

#include <algorithm>

#include "adapter/api_documents.h"
#include "common/base/log.h"
#include "common/http/client.h"

namespace sluice::adapter {
namespace {

using http::ServerRequest;
using http::ServerResponse;

std::shared_ptr<const std::string> shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

ServerResponse ok(std::shared_ptr<const std::string> body) {
  return {200, "application/json", {}, std::move(body)};
}

ServerResponse failed(const ApiError& error) {
  ServerResponse out = ServerResponse::json(error.code, render_status(error));
  if (error.retry_after_seconds) out.headers.emplace_back("Retry-After", std::to_string(*error.retry_after_seconds));
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// As kube-apiserver words it.
std::string forbidden_sentence(const User& user, const AccessAttributes& wanted, const std::string& reason) {
  std::string out;
  if (!wanted.path.empty()) {
    out = "forbidden: User \"" + user.name + "\" cannot " + wanted.verb + " path \"" + wanted.path + "\"";
  } else {
    const std::string resource =
        wanted.subresource.empty() ? wanted.resource : wanted.resource + "/" + wanted.subresource;
    out = wanted.resource + "." + wanted.group + " \"" + wanted.name + "\" is forbidden: User \"" + user.name +
          "\" cannot " + wanted.verb + " resource \"" + resource + "\" in API group \"" + wanted.group + "\"";
    out += wanted.ns.empty() ? " at the cluster scope" : " in the namespace \"" + wanted.ns + "\"";
  }
  return reason.empty() ? out : out + ": " + reason;
}

// Nobody can say who the user is or what he may. What passes by itself is 429: clients then come again by themselves.
ApiError undecided(const Error& error) {
  if (error.code == ErrorCode::kDenied) return unauthorized(error.message);
  if (error.code == ErrorCode::kInvalid) return bad_request(error.message);
  return error.retry_after ? too_many_requests(error.message) : service_unavailable(error.message);
}

// Labels' values: few, whatever clients ask for.
std::string verb_of(const std::string& method) {
  static constexpr const char* kKnown[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
  return std::find(std::begin(kKnown), std::end(kKnown), method) != std::end(kKnown) ? method : "other";
}

const char* kind_name(RouteKind kind) {
  switch (kind) {
    case RouteKind::kMetric:
      return "metric";
    case RouteKind::kGroups:
    case RouteKind::kGroup:
    case RouteKind::kResources:
      return "discovery";
    case RouteKind::kLive:
    case RouteKind::kReady:
      return "health";
    default:
      return "other";
  }
}

}  // namespace

bool accepts_json(std::string_view accept) {
  if (trimmed(accept).empty()) return true;
  while (!accept.empty()) {
    const std::string_view range = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), range.size() + 1));
    const std::string_view type = trimmed(range.substr(0, range.find(';')));
    if (type == "*/*" || type == "application/*" || type == "application/json") return true;
  }
  return false;
}

ServerResponse refusal(int status, std::string message) {
  return failed(of_status(status, std::move(message)));
}

AccessAttributes attributes_of(const Route& route, std::string_view path) {
  AccessAttributes out;
  if (route.kind != RouteKind::kMetric) {
    out.path = http::url_decode(path);
    return out;
  }
  out.group = kApiGroup;
  out.version = route.version;
  if (route.of_namespace) {
    out.ns = route.name;
    out.resource = "metrics";
    out.name = route.metric;
  } else {
    out.ns = route.ns;
    out.resource = route.resource;
    out.subresource = route.metric;
    out.name = route.name;
  }
  return out;
}

Routes::Routes(Parts parts, int metrics_at_once_max)
    : parts_(std::move(parts)),
      metric_slots_(metrics_at_once_max),
      groups_(shared(render_group_list())),
      group_(shared(render_group())),
      version_(shared(render_server_version())) {}

ServerResponse Routes::handle(const ServerRequest& request) {
  const SteadyTime began = std::chrono::steady_clock::now();
  const Route route = parse_route(request.path);
  ServerResponse response = answer(request, route);
  count(request.method, route, response.status, began);
  log_debug("request", {{"method", request.method},
                        {"path", request.path},
                        {"status", response.status},
                        {"from", request.peer_address}});
  return response;
}

ServerResponse Routes::answer(const ServerRequest& request, const Route& route) {
  if (route.kind == RouteKind::kLive) return ServerResponse::text(200, "ok");
  if (route.kind == RouteKind::kReady) return ready(request);
  const auto user = parts_.authenticator.authenticate(request);
  if (!user) return failed(undecided(user.error()));
  if (route.kind == RouteKind::kOpenApi) return failed(not_found("the server could not find the requested resource"));
  if (request.method != "GET" && request.method != "HEAD") {
    return failed(method_not_allowed("only GET is served, not " + request.method));
  }
  if (route.kind == RouteKind::kMalformed) return failed(bad_request("invalid request path"));
  if (route.kind == RouteKind::kMetric) return metric(request, route, *user);
  if (const auto refused = refuse(request, route, *user)) return failed(*refused);
  if (route.kind == RouteKind::kServerMetrics) {
    return {200, kMetricsContentType, {}, shared(parts_.metrics.text())};
  }
  if (!accepts_json(request.header("accept"))) return failed(not_acceptable("only application/json is served"));
  return document(route);
}

ServerResponse Routes::ready(const ServerRequest& request) const {
  std::string text;
  bool good = true;
  for (const auto& [name, done] : parts_.ready()) {
    text += (done ? "[+]" : "[-]") + name + (done ? " ok\n" : " not ready\n");
    good = good && done;
  }
  if (!good) return ServerResponse::text(503, text);
  return ServerResponse::text(200, request.query.starts_with("verbose") ? text : "ok");
}

std::optional<ApiError> Routes::refuse(const ServerRequest& request, const Route& route, const User& user) const {
  const AccessAttributes wanted = attributes_of(route, request.path);
  const auto decision = parts_.authorizer.decide(user, wanted);
  if (!decision) return undecided(decision.error());
  if (decision->allowed) return std::nullopt;
  return forbidden(forbidden_sentence(user, wanted, decision->reason));
}

ServerResponse Routes::metric(const ServerRequest& request, const Route& route, const User& user) {
  if (const auto refused = refuse(request, route, user)) return failed(*refused);
  if (!accepts_json(request.header("accept"))) return failed(not_acceptable("only application/json is served"));
  const auto catalog = parts_.catalog.get();
  if (catalog == nullptr) return failed(service_unavailable("the API server's resources were not read yet"));
  const Slots::Lease slot = metric_slots_.take();  // not before: who may not shall not be in the way of who may
  if (!slot) return failed(too_many_requests("too many requests wait for Prometheus"));
  auto answer = parts_.answerer.answer(*catalog, route, request.query);
  if (auto* body = std::get_if<std::string>(&answer)) return ok(shared(std::move(*body)));
  if (const auto unknown = unknown_metric(*catalog, route)) parts_.on_unknown_metric(*unknown);
  return failed(std::get<ApiError>(answer));
}

ServerResponse Routes::document(const Route& route) const {
  switch (route.kind) {
    case RouteKind::kGroups:
      return ok(groups_);
    case RouteKind::kGroup:
      return ok(group_);
    case RouteKind::kServerVersion:
      return ok(version_);
    case RouteKind::kResources:
      if (const auto catalog = parts_.catalog.get()) return ok(catalog->resources_document(route.version));
      return ok(shared(render_resources(route.version, {})));
    default:
      return failed(not_found("the server could not find the requested resource"));
  }
}

void Routes::count(const std::string& method, const Route& route, int status, SteadyTime began) const {
  const MetricLabels labels = {{"verb", verb_of(method)},
                               {"group", kApiGroup},
                               {"version", route.version},
                               {"resource", kind_name(route.kind)},
                               {"code", std::to_string(status)}};
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  parts_.metrics
      .histogram("apiserver_request_duration_seconds", "Time to answer a request.",
                 {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}, labels)
      .observe(seconds);
}

}  // namespace sluice::adapter
