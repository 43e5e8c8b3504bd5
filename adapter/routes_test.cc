#include "adapter/routes.h"

#include <doctest/doctest.h>

#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "adapter/metric_query.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

// Token "alice" is alice's; she may do what `allowed` says.
class FakeReviews final : public Reviews {
 public:
  Result<std::optional<User>> review_token(const std::string& token) override {
    return token == "alice" ? std::optional<User>(User{"alice", "", {}, {}}) : std::nullopt;
  }
  Result<AccessDecision> review_access(const User& user, const AccessAttributes& attributes) override {
    if (on_access) on_access(user);
    asked = attributes;
    if (busy) return Error{ErrorCode::kUnavailable, "too many questions", std::chrono::seconds(1)};
    if (down) return Error{ErrorCode::kUnavailable, "no answer"};
    return AccessDecision{allowed, allowed ? "" : "no rule"};
  }
  bool allowed = true;
  bool down = false;
  bool busy = false;
  AccessAttributes asked;
  std::function<void(const User&)> on_access;
};

class FakePrometheus final : public QueryApi {
 public:
  Result<std::vector<VectorElement>> query(const std::string&, const KeptLabels&) override {
    if (on_query) on_query();
    return std::vector<VectorElement>{{"a", kPartValue, 2}, {"a", kPartTime, 0}};
  }
  std::function<void()> on_query;
};

class NoObjects final : public ObjectNames {
 public:
  Result<std::vector<std::string>> names(const ResourceKind&, std::string_view, const LabelSelector&) override {
    return std::vector<std::string>{};
  }
  Result<bool> has(const ResourceKind&, std::string_view, std::string_view) override { return true; }
};

struct Fixture {
  FakeReviews reviews;
  FakePrometheus prometheus;
  NoObjects objects;
  ManualClock clock{WallTime(Duration(0))};
  MetricsRegistry metrics;
  CatalogHolder catalog;
  Authenticator authenticator{reviews, clock};
  Authorizer authorizer{reviews, clock};
  MetricAnswerer answerer{prometheus, objects, clock, std::chrono::minutes(2), metrics};
  bool is_ready = true;
  std::vector<std::string> unknown;
  Routes routes{{authenticator, authorizer, answerer, catalog, metrics,
                 [this] {
                   return std::vector<std::pair<std::string, bool>>{{"pods", true}, {"resources", is_ready}};
                 },
                 [this](const MetricKey& key) { unknown.push_back(key.metric); }},
                1};

  explicit Fixture(bool with_catalog = true) {
    REQUIRE(authenticator.set_settings({}).ok());
    if (!with_catalog) return;
    auto rules = parse_rules("rules: [{seriesQuery: m, metricsQuery: q, resources: {template: <<.Resource>>}}]", "r");
    REQUIRE(rules.ok());
    ResourceMap map;
    map.add({"", "v1", "namespaces", "namespace", "Namespace", false});
    map.add({"", "v1", "pods", "pod", "Pod", true});
    catalog.set(std::make_shared<const Catalog>(std::make_shared<const std::vector<Rule>>(std::move(*rules)), map,
                                                std::vector<RuleListing>{{SeriesNames{{"m", {"pod"}}}, {}}}));
  }

  http::ServerResponse ask(const std::string& path, const std::string& method = "GET",
                           std::vector<std::pair<std::string, std::string>> headers = {
                               {"authorization", "Bearer alice"}}) {
    http::ServerRequest request;
    request.method = method;
    request.path = path.substr(0, path.find('?'));
    if (path.find('?') != std::string::npos) request.query = path.substr(path.find('?') + 1);
    request.headers = std::move(headers);
    return routes.handle(request);
  }
  static std::string reason(const http::ServerResponse& response) {
    return Json::parse(*response.body).value("reason", "");
  }
};

const std::string kMetric = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/a/m";

TEST_CASE("health is answered to anybody, the rest only to who may") {
  Fixture f;
  CHECK(f.ask("/livez", "GET", {}).status == 200);
  CHECK(*f.ask("/readyz", "GET", {}).body == "ok");
  CHECK(*f.ask("/readyz?verbose", "GET", {}).body == "[+]pods ok\n[+]resources ok\n");
  f.is_ready = false;
  const auto not_ready = f.ask("/readyz", "GET", {});
  CHECK(not_ready.status == 503);
  CHECK(*not_ready.body == "[+]pods ok\n[-]resources not ready\n");

  f.reviews.allowed = false;
  for (const char* path : {"/apis", "/apis/custom.metrics.k8s.io/v1beta1", "/metrics", "/version", "/nowhere"}) {
    CAPTURE(std::string(path));
    const auto refused = f.ask(path);
    CHECK(refused.status == 403);
    CHECK(Fixture::reason(refused) == "Forbidden");
    CHECK(f.reviews.asked.path == path);
  }
  CHECK(f.ask(kMetric).status == 403);
  CHECK(Json::parse(*f.ask(kMetric).body)["message"] ==
        "pods.custom.metrics.k8s.io \"a\" is forbidden: User \"alice\" cannot get resource \"pods/m\" in API group "
        "\"custom.metrics.k8s.io\" in the namespace \"shop\": no rule");
  CHECK(f.ask("/apis", "GET", {{"authorization", "Bearer mallory"}}).status == 401);
}

TEST_CASE("discovery and metrics are JSON") {
  Fixture f;
  CHECK(Json::parse(*f.ask("/apis").body)["kind"] == "APIGroupList");
  CHECK(Json::parse(*f.ask("/apis/custom.metrics.k8s.io").body)["kind"] == "APIGroup");
  const auto list = f.ask("/apis/custom.metrics.k8s.io/v1beta1", "GET",
                          {{"authorization", "Bearer alice"},
                           {"accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}});
  CHECK(list.content_type == "application/json");
  CHECK(Json::parse(*list.body)["resources"][0]["name"] == "pods/m");
  CHECK(f.ask("/version").status == 200);
  const auto value = f.ask(kMetric);
  CHECK(value.status == 200);
  CHECK(Json::parse(*value.body)["items"][0]["value"] == "2");
  const auto metrics = f.ask("/metrics");
  CHECK(metrics.content_type == kMetricsContentType);
  CHECK(metrics.body->find("apiserver_request_duration_seconds_count{") != std::string::npos);
}

TEST_CASE("what is wrong with a request is a Status") {
  struct Row {
    const char* name;
    std::string path;
    const char* method;
    const char* accept;
    int code;
    const char* reason;
  };
  const Row rows[] = {{"no such path", "/nowhere", "GET", "", 404, "NotFound"},
                      {"no such version", "/apis/custom.metrics.k8s.io/v3", "GET", "", 404, "NotFound"},
                      {"open API is not served", "/openapi/v3", "GET", "", 404, "NotFound"},
                      {"open API is not served by any method", "/openapi/v2", "POST", "", 404, "NotFound"},
                      {"half a path", "/apis/custom.metrics.k8s.io/v1beta2/namespaces/x", "GET", "", 400, "BadRequest"},
                      {"a method that changes things", kMetric, "DELETE", "", 405, "MethodNotAllowed"},
                      {"only protobuf", kMetric, "GET", "application/vnd.kubernetes.protobuf", 406, "NotAcceptable"},
                      {"a bad selector", kMetric + "?metricLabelSelector=a%20b", "GET", "", 400, "BadRequest"},
                      {"an unknown metric", kMetric + "x", "GET", "", 404, "NotFound"}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    Fixture f;
    const auto response = f.ask(row.path, row.method, {{"authorization", "Bearer alice"}, {"accept", row.accept}});
    CHECK(response.status == row.code);
    CHECK(Fixture::reason(response) == row.reason);
    CHECK(response.content_type == "application/json");
  }
}

TEST_CASE("what the server refuses by itself is a Status too") {
  for (const auto& [code, reason] : std::map<int, std::string>{{400, "BadRequest"},
                                                               {413, "RequestEntityTooLarge"},
                                                               {431, ""},
                                                               {500, "InternalError"},
                                                               {503, "ServiceUnavailable"}}) {
    const auto response = refusal(code, "why");
    CHECK(response.status == code);
    CHECK(Fixture::reason(response) == reason);
    CHECK(Json::parse(*response.body)["code"] == code);
  }
}

TEST_CASE("requests are counted by what they are, in few series") {
  Fixture f;
  f.ask("/apis");
  f.ask("/apis", "DELETE");
  f.ask("/apis", "HEAD");
  f.ask("/apis", "MADE-UP-1");
  f.ask("/apis", "MADE-UP-2");
  const std::string text = f.metrics.text();
  std::map<std::string, std::string> counts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("apiserver_request_duration_seconds_count{")) continue;
    const std::size_t verb = line.find("verb=\"") + 6;
    counts[line.substr(verb, line.find('"', verb) - verb)] = line.substr(line.rfind(' ') + 1);
  }
  CHECK(counts == std::map<std::string, std::string>{{"GET", "1"}, {"DELETE", "1"}, {"HEAD", "1"}, {"other", "2"}});
  CHECK(text.find("MADE-UP") == std::string::npos);
}

TEST_CASE("only a metric that is not known asks for a relist") {
  Fixture f;
  f.ask(kMetric + "x");
  CHECK(f.unknown == std::vector<std::string>{"mx"});
  CHECK(f.ask("/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/m").status == 404);
  CHECK(f.unknown.size() == 1);
}

TEST_CASE("before the catalog is made, discovery is up and metrics are unavailable") {
  Fixture f(false);
  const auto list = f.ask("/apis/custom.metrics.k8s.io/v1beta2");
  CHECK(list.status == 200);
  CHECK(Json::parse(*list.body)["resources"].size() == 1);
  CHECK(f.ask(kMetric).status == 503);
  f.reviews.down = true;
  f.clock.advance(Authorizer::kLifetime);
  CHECK(f.ask("/apis").status == 503);
  CHECK(f.ask(kMetric).status == 503);
}

TEST_CASE("one request too many is told to come again, and discovery goes on meanwhile") {
  Fixture f;
  std::promise<void> started, release;
  f.prometheus.on_query = [&] {
    started.set_value();
    release.get_future().wait();
  };
  auto slow = std::async(std::launch::async, [&] { return f.ask(kMetric).status; });
  started.get_future().wait();
  const auto refused = f.ask(kMetric);
  CHECK(refused.status == 429);
  REQUIRE(refused.headers.size() == 1);
  CHECK(refused.headers[0].first == "Retry-After");
  CHECK(f.ask("/apis/custom.metrics.k8s.io/v1beta2").status == 200);
  release.set_value();
  CHECK(slow.get() == 200);
}

TEST_CASE("who may not takes no slot from who may, however many there are") {
  Fixture f;
  std::promise<void> started, release;
  f.reviews.on_access = [&](const User& user) {
    if (user.name != kAnonymous) return;
    started.set_value();
    release.get_future().wait();
  };
  auto stranger = std::async(std::launch::async, [&] { return f.ask(kMetric, "GET", {}).status; });
  started.get_future().wait();
  CHECK(f.ask(kMetric).status == 200);
  release.set_value();
  CHECK(stranger.get() == 200);
}

TEST_CASE("too many questions to the API server are told to come again, too long ones are not") {
  Fixture f;
  f.reviews.busy = true;
  for (const std::string& path : {kMetric, std::string("/apis")}) {
    const auto busy = f.ask(path);
    CHECK(busy.status == 429);
    CHECK(Fixture::reason(busy) == "TooManyRequests");
    REQUIRE(busy.headers.size() == 1);
    CHECK(busy.headers[0] == std::pair<std::string, std::string>("Retry-After", "1"));
  }
  f.reviews.busy = false;
  CHECK(f.ask(kMetric + std::string(5000, 'x')).status == 400);
  CHECK(f.ask("/" + std::string(5000, 'x'), "GET", {}).status == 400);
}

TEST_CASE("what is asked about a request is what the API server would ask") {
  struct Row {
    const char* path;
    AccessAttributes expected;
  };
  const std::string base = "/apis/custom.metrics.k8s.io/v1beta1";
  const std::string group = kApiGroup;
  const Row rows[] = {{"/namespaces/shop/pods/*/m", {"get", "", group, "v1beta1", "shop", "pods", "m", "*"}},
                      {"/namespaces/shop/realtimegateways.sluice.dev/edge/m",
                       {"get", "", group, "v1beta1", "shop", "realtimegateways.sluice.dev", "m", "edge"}},
                      {"/nodes/n/m", {"get", "", group, "v1beta1", "", "nodes", "m", "n"}},
                      {"/namespaces/shop/metrics/m", {"get", "", group, "v1beta1", "shop", "metrics", "", "m"}},
                      {"", {"get", base, "", "", "", "", "", ""}}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.path));
    const std::string path = base + row.path;
    CHECK(attributes_of(parse_route(path), path) == row.expected);
  }
}

TEST_CASE("JSON is taken by most clients") {
  for (const char* yes :
       {"", " ", "*/*", "application/json", "application/vnd.kubernetes.protobuf, */*", "text/html,application/*;q=0.1",
        "application/json;as=Table;v=v1;g=meta.k8s.io, application/json"}) {
    CAPTURE(std::string(yes));
    CHECK(accepts_json(yes));
  }
  for (const char* no : {"application/vnd.kubernetes.protobuf", "text/*", "application/jsonx", ","}) {
    CAPTURE(std::string(no));
    CHECK_FALSE(accepts_json(no));
  }
}

}  // namespace
}  // namespace sluice::adapter
