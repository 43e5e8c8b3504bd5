#include "common/kube/client.h"

#include <doctest/doctest.h>

#include <future>

#include "common/kube/fake_api.h"
#include "common/kube/test_files.h"

namespace sluice::kube {

TEST_CASE("each call asks for what it says") {
  FakeApi api(std::deque<std::string>(9, answer(200, R"({"kind":"Pod"})")));
  Client client(api.config(), "test", nullptr);
  const Json pod = Json::parse(R"({"metadata":{"name":"p"}})");
  CHECK(client.get(kPods, "ns", "p").ok());
  CHECK(client.get(kPods, "ns", "p", "status").ok());
  CHECK(client.create(kPods, "ns", pod).ok());
  CHECK(client.replace(kPods, "ns", pod, "status").ok());
  CHECK(client.patch(kPods, "ns", "p", PatchType::kMerge, pod).ok());
  CHECK(
      client.patch(kPods, "ns", "p", PatchType::kApply, pod, {.field_manager = "sluice-operator", .force = true}).ok());
  CHECK(client.remove(kPods, "ns", "p").ok());
  CHECK(client.remove(kPods, "ns", "p", {.uid = "u", .propagation = "Background", .grace_seconds = 0}).ok());
  CHECK(client.raw("GET", "/version")->status == 200);
  const std::vector<std::string> expected = {
      "GET /api/v1/namespaces/ns/pods/p",
      "GET /api/v1/namespaces/ns/pods/p/status",
      "POST /api/v1/namespaces/ns/pods",
      "PUT /api/v1/namespaces/ns/pods/p/status",
      "PATCH /api/v1/namespaces/ns/pods/p",
      "PATCH /api/v1/namespaces/ns/pods/p?fieldManager=sluice-operator&force=true",
      "DELETE /api/v1/namespaces/ns/pods/p",
      "DELETE /api/v1/namespaces/ns/pods/p",
      "GET /version"};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(api.asked(i) == expected[i]);
  CHECK(Json::parse(api.body(2)) == pod);
  CHECK(api.requests()[4].find("Content-Type: application/merge-patch+json") != std::string::npos);
  CHECK(api.requests()[5].find("Content-Type: application/apply-patch+yaml") != std::string::npos);
  CHECK(Json::parse(api.body(7)) ==
        Json::parse(R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"u"},
                        "propagationPolicy":"Background","gracePeriodSeconds":0})"));
}

TEST_CASE("whose rights are used goes with every call and watch") {
  FakeApi api({answer(200, "{}"), answer(200, "")});
  Config config = api.config();
  config.impersonate = {.user = "jane", .uid = "7", .groups = {"dev", "ops"}, .extra = {{"acme.test/scope", {"view"}}}};
  Client client(config, "test", nullptr);
  CHECK(client.get(kPods, "ns", "p").ok());
  std::promise<void> ended;
  const auto watch =
      client.watch(kPods, "ns", {}, {.on_event = {}, .on_end = [&](const Status&) { ended.set_value(); }});
  ended.get_future().wait();
  for (const std::string& request : api.requests()) {
    for (const char* header : {"Impersonate-User: jane", "Impersonate-Uid: 7", "Impersonate-Group: dev",
                               "Impersonate-Group: ops", "Impersonate-Extra-acme.test%2Fscope: view"}) {
      CAPTURE(std::string(header));
      CHECK(request.find(std::string(header) + "\r\n") != std::string::npos);
    }
  }
}

TEST_CASE("a proxy that is named is used, for our own host, too") {
  FakeApi proxy(std::deque<std::string>(2, answer(200, "{}")));
  for (const char* server : {"http://api.invalid:8080", "http://127.0.0.1:1"}) {
    Config config;
    config.server = server;
    config.proxy_url = proxy.config().server;
    Client client(config, "test", nullptr);
    CHECK(client.get(kPods, "ns", "p").ok());
  }
  CHECK(proxy.asked(0) == "GET http://api.invalid:8080/api/v1/namespaces/ns/pods/p");
  CHECK(proxy.asked(1) == "GET http://127.0.0.1:1/api/v1/namespaces/ns/pods/p");
}

TEST_CASE("a subresource is created, and a strategic merge says so") {
  FakeApi api({answer(201, "{}"), answer(200, "{}")});
  Client client(api.config(), "test", nullptr);
  CHECK(client.create_subresource(kPods, "ns", "p", "eviction", Json::object()).ok());
  CHECK(client.patch(kPods, "ns", "p", PatchType::kStrategicMerge, Json::object(), {.subresource = "resize"}).ok());
  CHECK(api.asked(0) == "POST /api/v1/namespaces/ns/pods/p/eviction");
  CHECK(api.asked(1) == "PATCH /api/v1/namespaces/ns/pods/p/resize");
  CHECK(api.requests()[1].find("Content-Type: application/strategic-merge-patch+json") != std::string::npos);
  CHECK(client.create_subresource(kPods, "ns", "p", "", Json::object()).error().code == ErrorCode::kInvalid);
}

TEST_CASE("a pod's port is read through the API server's proxy") {
  FakeApi api({answer(200, "metric 1\n"), answer(200, "metric 1\n"), answer(503, "no endpoints"),
               answer(200, std::string(100, 'x'))});
  Client client(api.config(), "test", nullptr);
  CHECK(*client.proxy_get("ns", "edge-1", 9902, "/metrics") == "metric 1\n");
  CHECK(*client.proxy_get("ns", "edge-1", 9902, "debug?a=b", {.scheme = "https"}) == "metric 1\n");
  CHECK(api.asked(0) == "GET /api/v1/namespaces/ns/pods/edge-1:9902/proxy/metrics");
  CHECK(api.asked(1) == "GET /api/v1/namespaces/ns/pods/https:edge-1:9902/proxy/debug?a=b");
  CHECK(client.proxy_get("ns", "edge-1", 9902, "/").error().message.ends_with("HTTP 503: no endpoints"));
  CHECK(client.proxy_get("ns", "edge-1", 9902, "/", {.bytes_max = 99}).error().code == ErrorCode::kInvalid);
  for (const char* pod : {"", "../secrets", "a/b", "a?b"}) {
    CHECK(client.proxy_get("ns", pod, 9902, "/").error().code == ErrorCode::kInvalid);
  }
  CHECK(client.proxy_get("ns", "p", 0, "/").error().code == ErrorCode::kInvalid);
}

TEST_CASE("a time limit of the configuration goes before the call's own") {
  FakeApi api([](const std::string&) { return std::string(); });  // never answers
  Config config = api.config();
  config.request_timeout = 30ms;
  Client client(config, "test", nullptr);
  CHECK(client.get(kPods, "ns", "p").error().message.find("no answer within 30 ms") != std::string::npos);
}

TEST_CASE("a watch whose credentials cannot be had ends with why, as a failure that passes") {
  Config config;
  config.server = "http://127.0.0.1:1";
  config.exec = ExecPlugin{.api_version = "client.authentication.k8s.io/v1", .command = "no-such-plugin"};
  Client client(config, "test", nullptr);
  std::optional<Status> end;
  const auto watch = client.watch(kPods, "", {}, {.on_event = {}, .on_end = [&](Status status) { end = status; }});
  REQUIRE(end.has_value());
  CHECK(end->error().code == ErrorCode::kUnavailable);
  CHECK(end->error().message.find("no-such-plugin") != std::string::npos);
}

TEST_CASE("calls that would mean something else are refused before they are made") {
  FakeApi api(std::deque<std::string>{});
  Client client(api.config(), "test", nullptr);
  CHECK(client.remove(kPods, "ns", "").error().code == ErrorCode::kInvalid);  // not the whole collection
  CHECK(client.replace(kPods, "ns", Json::object()).error().code == ErrorCode::kInvalid);
  CHECK(client.create(kPods, "ns", Json{{"data", "\xff"}}).error().code == ErrorCode::kInvalid);
  CHECK(api.requests().empty());
}

TEST_CASE("the answer's status decides the error's code, the server's sentence its message") {
  struct Row {
    std::string name;
    int status;
    ErrorCode code;
    std::string body;
    std::string message;
  };
  const Row rows[] = {
      {"not found", 404, ErrorCode::kNotFound, R"({"kind":"Status","message":"pods \"p\" not found"})",
       "GET /api/v1/pods: pods \"p\" not found"},
      {"conflict", 409, ErrorCode::kConflict, R"({"message":"changed"})", "GET /api/v1/pods: changed"},
      {"gone", 410, ErrorCode::kExpired, R"({"message":"too old"})", "GET /api/v1/pods: too old"},
      {"unauthorized", 401, ErrorCode::kDenied, "{}", "GET /api/v1/pods: HTTP 401: {}"},
      {"forbidden", 403, ErrorCode::kDenied, R"({"message":"no"})", "GET /api/v1/pods: no"},
      {"invalid", 422, ErrorCode::kInvalid, R"({"message":"spec"})", "GET /api/v1/pods: spec"},
      {"bad request", 400, ErrorCode::kInvalid, "", "GET /api/v1/pods: HTTP 400"},
      {"too many", 429, ErrorCode::kUnavailable, R"({"message":"later"})", "GET /api/v1/pods: later"},
      {"a proxy's page", 502, ErrorCode::kUnavailable, "<html>\n<b>Bad</b>",
       "GET /api/v1/pods: HTTP 502: <html> <b>Bad</b>"},
      {"a version from the future", 504, ErrorCode::kExpired,
       R"({"message":"Too large resource version","details":{"causes":[{"reason":"ResourceVersionTooLarge"}]}})",
       "GET /api/v1/pods: Too large resource version"},
      {"a Status of the wrong shape", 500, ErrorCode::kUnavailable, R"({"message":7,"details":{"causes":{"x":1}}})",
       R"(GET /api/v1/pods: HTTP 500: {"message":7,"details":{"causes":{"x":1}}})"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Error error = error_from_status(row.status, row.body, "GET /api/v1/pods");
    CHECK(error.code == row.code);
    CHECK(error.message == row.message);
    CHECK(!error.retry_after.has_value());
  }
  CHECK(error_from_status(429, R"({"details":{"retryAfterSeconds":3}})", "x").retry_after == 3s);
}

TEST_CASE("retry_wait waits only where the server asks for it") {
  const auto response = [](int status, const char* retry_after) {
    http::Response out;
    out.status = status;
    if (retry_after != nullptr) out.headers.emplace_back("retry-after", retry_after);
    return out;
  };
  struct Row {
    std::string name;
    http::Response answer;
    int attempt;
    std::optional<Duration> wait;
  };
  const Row rows[] = {{"429 with a time", response(429, "2"), 1, 2s},
                      {"503 with a time", response(503, "1"), 10, 1s},
                      {"the eleventh time", response(503, "1"), 11, std::nullopt},
                      {"429 without a time", response(429, nullptr), 1, std::nullopt},
                      {"500 without a time", response(500, nullptr), 1, std::nullopt},
                      {"an answer that is none of them", response(409, "1"), 1, std::nullopt},
                      {"a wait past the call's end", response(429, "30"), 1, std::nullopt}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(retry_wait(row.answer, row.attempt, 30s, SystemClock().wall()) == row.wait);
  }
}

TEST_CASE("a call is made again as the server asks, and each answer is counted") {
  FakeApi api({answer(429, "{}", "Retry-After: 0\r\n"), answer(503, "{}", "Retry-After: 0\r\n"),
               answer(200, R"({"kind":"Pod"})")});
  MetricsRegistry metrics;
  Client client(api.config(), "test", &metrics);
  CHECK(client.create(kPods, "ns", Json{{"a", 1}}).ok());
  REQUIRE(api.requests().size() == 3);
  CHECK(api.body(0) == api.body(2));
  const std::string host = api.config().server.substr(7);
  for (const char* code : {"429", "503", "200"}) {
    CAPTURE(std::string(code));
    const MetricLabels labels{{"code", code}, {"method", "POST"}, {"host", host}};
    CHECK(metrics.counter("rest_client_requests_total", "", labels).value() == 1);
  }
  const std::string count = "rest_client_request_duration_seconds_count{host=\"" + host + "\",verb=\"POST\"} 3\n";
  CHECK(metrics.text().find(count) != std::string::npos);
}

TEST_CASE("a call without an answer is counted as an error") {
  MetricsRegistry metrics;
  Config config;
  config.server = "http://127.0.0.1:1";
  Client client(config, "test", &metrics);
  CHECK(client.get(kPods, "ns", "p").error().code == ErrorCode::kUnavailable);
  const MetricLabels labels{{"code", "<error>"}, {"method", "GET"}, {"host", "127.0.0.1:1"}};
  CHECK(metrics.counter("rest_client_requests_total", "", labels).value() == 1);
}

TEST_CASE("list follows the pages and joins them") {
  FakeApi api({answer(200, R"({"kind":"PodList","metadata":{"resourceVersion":"9","continue":"c 1"},"items":[1,2]})"),
               answer(200, R"({"kind":"PodList","metadata":{"resourceVersion":"9"},"items":[3]})")});
  Client client(api.config(), "test", nullptr);
  const Result<Json> list = client.list(kPods, "ns", {.label_selector = "a=b", .page_size = 2});
  REQUIRE(list.ok());
  CHECK((*list)["items"] == Json::parse("[1,2,3]"));
  CHECK(resource_version_of(*list) == "9");
  CHECK(text_at(*list, "/metadata/continue").empty());
  CHECK(api.asked(0) == "GET /api/v1/namespaces/ns/pods?labelSelector=a%3Db&limit=2");
  CHECK(api.asked(1) == "GET /api/v1/namespaces/ns/pods?labelSelector=a%3Db&limit=2&continue=c%201");
}

TEST_CASE("a list whose version expires between its pages is read in one piece") {
  FakeApi api({answer(200, R"({"metadata":{"continue":"c"},"items":[1]})"), answer(410, "{}"),
               answer(200, R"({"metadata":{"resourceVersion":"12"},"items":[2,3]})")});
  Client client(api.config(), "test", nullptr);
  const Result<Json> list = client.list(kPods, "");
  REQUIRE(list.ok());
  CHECK((*list)["items"] == Json::parse("[2,3]"));
  CHECK(api.asked(2) == "GET /api/v1/pods");
}

TEST_CASE("a list from a cache is not paged, and null items are none") {
  FakeApi api({answer(200, R"({"metadata":{"resourceVersion":"5"},"items":null})"), answer(410, "{}")});
  Client client(api.config(), "test", nullptr);
  const Result<Json> list = client.list(kPods, "", {.resource_version = "0"});
  REQUIRE(list.ok());
  CHECK((*list)["items"] == Json::array());
  CHECK(api.asked(0) == "GET /api/v1/pods?resourceVersion=0&resourceVersionMatch=NotOlderThan");
  CHECK(client.list(kPods, "", {.resource_version = "4"}).error().code == ErrorCode::kExpired);
}

TEST_CASE("an answer that is no object of JSON is a fault of the way") {
  FakeApi api({answer(200, "<html>"), answer(200, "[]")});
  Client client(api.config(), "test", nullptr);
  CHECK(client.get(kPods, "ns", "p").error().code == ErrorCode::kUnavailable);
  CHECK(client.get(kPods, "ns", "p").error().code == ErrorCode::kUnavailable);
}

TEST_CASE("the token goes with each call, is read again after a refusal, and is never in an error") {
  const TestFolder folder;
  FakeApi api({answer(401, R"({"message":"Unauthorized"})"), answer(200, "{}")});
  Config config = api.config();
  config.token_file = folder.write("token", "s3cret-1");
  Client client(config, "test", nullptr);
  const Result<Json> refused = client.get(kPods, "ns", "p");
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::kDenied);
  CHECK(refused.error().message.find("s3cret") == std::string::npos);
  folder.write("token", "s3cret-2");
  CHECK(client.get(kPods, "ns", "p").ok());
  CHECK(api.requests()[0].find("Authorization: Bearer s3cret-1\r\n") != std::string::npos);
  CHECK(api.requests()[1].find("Authorization: Bearer s3cret-2\r\n") != std::string::npos);
}

TEST_CASE("credentials are read again by the clock that was given") {
  const TestFolder folder;
  FakeApi api(std::deque<std::string>(3, answer(200, "{}")));
  Config config = api.config();
  config.token_file = folder.write("token", "one");
  ManualClock clock;
  Client client(config, "test", nullptr, clock);
  CHECK(client.get(kPods, "ns", "p").ok());
  folder.write("token", "two");
  CHECK(client.get(kPods, "ns", "p").ok());
  clock.advance(60s);
  CHECK(client.get(kPods, "ns", "p").ok());
  const char* expected[] = {"one", "one", "two"};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(api.requests()[i].find(std::string("Authorization: Bearer ") + expected[i]) != std::string::npos);
  }
}

TEST_CASE(
    "a certificate and a key that do not belong together are read again at the next call, and refuse no WatchList") {
  const http::TestIdentity identity = http::make_test_identity("server", "IP:127.0.0.1");
  const http::TestIdentity before = http::make_test_identity("before", "DNS:before");
  const http::TestIdentity after = http::make_test_identity("after", "DNS:after");
  http::LoopbackServer server(
      [](http::LoopbackConnection& connection) {
        while (!connection.read_request().empty()) {
          connection.send(answer(200, R"({"name":")" + connection.client_name() + "\"}"));
        }
      },
      &identity);
  const TestFolder folder;
  Config config;
  config.server = "https://127.0.0.1:" + std::to_string(server.port());
  // As they were read at the start, in the middle of a rotation.
  config.tls = {.ca_pem = identity.cert_pem, .cert_pem = after.cert_pem, .key_pem = before.key_pem};
  config.cert_file = folder.write("tls.crt", after.cert_pem);
  config.key_file = folder.write("tls.key", before.key_pem);
  ManualClock clock;
  Client client(config, "test", nullptr, clock);
  CHECK(client.get(kPods, "ns", "p").error().code == ErrorCode::kInvalid);
  std::promise<Status> ended;
  const auto watch = client.watch(
      kPods, "ns", {}, {.on_event = {}, .on_end = [&](Status status) { ended.set_value(std::move(status)); }});
  CHECK(ended.get_future().get().error().code == ErrorCode::kUnavailable);
  folder.write("tls.key", after.key_pem);
  const Result<Json> served = client.get(kPods, "ns", "p");  // the clock has not moved
  REQUIRE(served.ok());
  CHECK(text_at(*served, "/name") == "after");
}

TEST_CASE("a watch is counted once, by its answer or as one that had none") {
  MetricsRegistry metrics;
  const auto count = [&](const char* code, const std::string& server) {
    const MetricLabels labels{{"code", code}, {"method", "GET"}, {"host", server.substr(7)}};
    return metrics.counter("rest_client_requests_total", "", labels).value();
  };
  const std::string broken = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n";
  http::LoopbackServer breaks_off(http::answer_once(broken));
  FakeApi hangs_up(std::deque<std::string>{kHangUp});
  const std::string servers[] = {"http://127.0.0.1:" + std::to_string(breaks_off.port()), hangs_up.config().server};
  for (const std::string& server : servers) {
    Config config;
    config.server = server;
    Client client(config, "test", &metrics);
    std::promise<Status> ended;
    const auto watch = client.watch(
        kPods, "ns", {}, {.on_event = {}, .on_end = [&](Status status) { ended.set_value(std::move(status)); }});
    CHECK(ended.get_future().get().error().code == ErrorCode::kUnavailable);
  }
  CHECK(count("200", servers[0]) == 1);
  CHECK(count("<error>", servers[1]) == 1);
}

TEST_CASE("a watch tells its events in order and then its end") {
  struct Row {
    std::string name;
    std::string answer;
    std::vector<std::string> names;
    std::optional<ErrorCode> end;
  };
  const std::string events =
      "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n"
      "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"name\":\"b\"}}}\n";
  const Row rows[] = {
      {"ended by the server", answer(200, events), {"a", "b"}, std::nullopt},
      {"cut inside an event", answer(200, events + "{\"ty"), {"a", "b"}, ErrorCode::kUnavailable},
      {"a line that is no event", answer(200, events + "x\n" + events), {"a", "b"}, ErrorCode::kUnavailable},
      {"refused", answer(403, R"({"message":"no"})"), {}, ErrorCode::kDenied},
      {"too old", answer(410, R"({"message":"old"})"), {}, ErrorCode::kExpired},
      {"too many", answer(429, "{}", "Retry-After: 7\r\n"), {}, ErrorCode::kUnavailable}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    FakeApi api({row.answer});
    Client client(api.config(), "test", nullptr);
    std::vector<std::string> names;
    std::promise<Status> ended;
    Client::WatchCallbacks callbacks;
    callbacks.on_event = [&](const WatchEvent& event) { names.emplace_back(name_of(event.object)); };
    callbacks.on_end = [&](Status status) { ended.set_value(std::move(status)); };
    const auto watch = client.watch(kPods, "ns", {.resource_version = "5", .timeout = 1500ms}, std::move(callbacks));
    const Status end = ended.get_future().get();
    CHECK(names == row.names);
    CHECK(end.ok() == !row.end.has_value());
    if (row.end) CHECK(end.error().code == *row.end);
    if (row.name == "too many") CHECK(end.error().retry_after == 7s);
    CHECK(api.asked(0) ==
          "GET /api/v1/namespaces/ns/pods?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=2");
  }
}

TEST_CASE("retry_on_conflict tries five times more, and only after conflicts") {
  struct Row {
    std::string name;
    std::vector<std::optional<ErrorCode>> outcomes;  // the last one repeats
    int calls;
    bool ok;
  };
  const Row rows[] = {{"no conflict", {std::nullopt}, 1, true},
                      {"two conflicts", {ErrorCode::kConflict, ErrorCode::kConflict, std::nullopt}, 3, true},
                      {"another error", {ErrorCode::kNotFound}, 1, false},
                      {"conflicts without end", {ErrorCode::kConflict}, 6, false}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    int calls = 0;
    const auto attempt = [&]() -> Status {
      const std::size_t i = std::min<std::size_t>(static_cast<std::size_t>(calls++), row.outcomes.size() - 1);
      if (!row.outcomes[i]) return Status::success();
      return Error{*row.outcomes[i], "x"};
    };
    Random random(1);
    std::vector<Duration> waits;
    const Status status = retry_on_conflict(attempt, random, [&](Duration wait) { waits.push_back(wait); });
    CHECK(status.ok() == row.ok);
    CHECK(calls == row.calls);
    REQUIRE(waits.size() == static_cast<std::size_t>(calls) - 1);
    Duration least{10};
    for (const Duration wait : waits) {
      CHECK(wait >= least);
      CHECK(wait <= least * 3 / 2);
      least *= 2;
    }
  }
}

}  // namespace sluice::kube
