#include "gateway/admin/admin_api.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "gateway/testing/descriptor_limit.h"
#include "gateway/testing/temporary_folder.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;

class FakeControl final : public GatewayControl {
 public:
  GatewaySnapshot snapshot() override { return state; }
  void start_drain(const DrainRequest& request) override {
    drained = request;
    state.drain = DrainReport{.started_at = WallTime(0s),
                              .reason = request.reason,
                              .deadline = request.deadline,
                              .initial = 812,
                              .rate = request.rate,
                              .eta_seconds = 2.06};
  }
  Status cancel_drain() override {
    if (refuse_cancel) return Error{ErrorCode::kConflict, "no"};
    state.drain.reset();
    return {};
  }
  Status start_shed(const ShedRequest& request) override {
    if (refuse_shed) return Error{ErrorCode::kConflict, "no"};
    shed = request;
    state.shed = ShedReport{.id = request.id, .initial = 30, .remaining = 12};
    return {};
  }
  void cancel_shed() override { state.shed.reset(); }
  void note_peer(const PeerStatus& told) override { peer = told; }
  GatewaySnapshot state;
  std::optional<DrainRequest> drained;
  std::optional<ShedRequest> shed;
  std::optional<PeerStatus> peer;
  bool refuse_cancel = false;
  bool refuse_shed = false;
};

struct Fixture {
  testing::TemporaryFolder keys;
  ManualClock clock;
  FakeControl control;
  SigningKey key = *SigningKey::generate();
  std::optional<Error> trouble;  ///< Reading the keys fails with it.
  AdminApi api{control, clock, keys.path(), "pod-1", [this](const std::string& folder) {
                 return trouble ? Result<std::vector<KeyFile>>(*trouble) : read_key_folder(folder);
               }};
  std::string bytes;

  Fixture() {
    keys.write("operator.pem", key.public_pem());
    api.reload_keys();
  }
  std::string token(const SigningKey& signer, const std::string& audience = "pod-1") const {
    return signer.sign(audience, clock.wall(), 60s);
  }
  HttpResponse call(const std::string& method, const std::string& path, const std::string& token,
                    const std::string& body = "") {
    bytes = method + " " + path + " HTTP/1.1\r\nHost: g\r\n";
    if (!token.empty()) bytes += "Authorization: Bearer " + token + "\r\n";
    bytes += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    HttpRequestParser parser({.head_bytes_max = 8192, .body_bytes_max = 65'536});
    REQUIRE(parser.parse(bytes) == HttpParse::kComplete);
    return api.handle(parser.request());
  }
};

constexpr const char* kDrain =
    R"({"reason":"ScaleDown","deadline":"2030-01-01T00:00:00Z","ratePerSecond":200.0,"closeCode":1012,"hintJitterMs":30000})";

TEST_CASE("only a valid token opens the admin API") {
  Fixture fixture;
  const SigningKey stranger = *SigningKey::generate();
  CHECK(fixture.call("GET", "/admin/v1/state", fixture.token(fixture.key)).status == 200);
  struct Row {
    const char* name;
    std::string token;
  };
  const Row rows[] = {{"no token", ""},
                      {"nonsense", "abc"},
                      {"signed by a stranger", fixture.token(stranger)},
                      {"meant for another pod", fixture.token(fixture.key, "pod-2")}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (const char* path : {"/admin/v1/state", "/admin/v1/drain", "/admin/v1/shed", "/admin/v1/node-status", "/"}) {
      for (const char* method : {"GET", "PUT", "DELETE", "POST"}) {
        const HttpResponse response = fixture.call(method, path, row.token, kDrain);
        CHECK(response.status == 401);
        CHECK(json::parse(response.body).at("error").is_string());
      }
    }
  }
  CHECK(!fixture.control.drained);
  const std::string old = fixture.token(fixture.key);
  fixture.clock.advance(10min);
  CHECK(fixture.call("GET", "/admin/v1/state", old).status == 401);
}

TEST_CASE("keys rotate with the folder's files") {
  Fixture fixture;
  const SigningKey next = *SigningKey::generate();
  fixture.keys.write("next.pem", next.public_pem());
  CHECK(fixture.call("GET", "/admin/v1/state", fixture.token(next)).status == 401);
  fixture.api.reload_keys();
  CHECK(fixture.call("GET", "/admin/v1/state", fixture.token(next)).status == 200);
  CHECK(fixture.call("GET", "/admin/v1/state", fixture.token(fixture.key)).status == 200);
  fixture.keys.write("operator.pem", "no key at all");  // A broken file leaves the other key good.
  fixture.api.reload_keys();
  CHECK(fixture.call("GET", "/admin/v1/state", fixture.token(next)).status == 200);
  CHECK(fixture.call("GET", "/admin/v1/state", fixture.token(fixture.key)).status == 401);
  fixture.keys.remove("next.pem");
  fixture.api.reload_keys();
  CHECK(fixture.call("GET", "/admin/v1/state", fixture.token(next)).status == 401);
}

TEST_CASE("a folder that cannot be read keeps the keys that are known; one that is read and empty withdraws them") {
  Fixture fixture;
  const auto status = [&fixture] { return fixture.call("GET", "/admin/v1/state", fixture.token(fixture.key)).status; };
  fixture.keys.remove("operator.pem");
  fixture.trouble = Error{ErrorCode::kUnavailable, "keys: Too many open files"};
  fixture.api.reload_keys();
  CHECK(status() == 200);
  fixture.trouble.reset();
  fixture.api.reload_keys();
  CHECK(status() == 401);
  fixture.keys.write("operator.pem", fixture.key.public_pem());
  fixture.api.reload_keys();
  CHECK(status() == 200);
}

TEST_CASE("a folder or a file that cannot be read for a moment is an error, not an empty folder") {
  testing::TemporaryFolder folder;
  folder.write("a.pem", "a");
  folder.write("b.txt", "no key");
  CHECK(read_key_folder(folder.path())->size() == 1);
  CHECK(read_key_folder(folder.path())->at(0) == KeyFile{"a.pem", "a"});
  for (const int spare : {0, 1}) {  // One is enough for the folder, not for a file of it.
    std::optional<Result<std::vector<KeyFile>>> files;
    {
      const testing::DescriptorLimit limit(spare);
      files = read_key_folder(folder.path());
    }
    REQUIRE(!*files);
    CHECK(files->error().code == ErrorCode::kUnavailable);
  }
  CHECK(read_key_folder(folder.file("nowhere")).error().code == ErrorCode::kUnavailable);
  folder.remove("a.pem");
  CHECK(read_key_folder(folder.path())->empty());
}

TEST_CASE("a key file that is no file is left out, and the others count") {
  Fixture fixture;
  std::filesystem::create_directory(fixture.keys.file("a.pem"));
  std::filesystem::create_symlink("nowhere", fixture.keys.file("b.pem"));
  const SigningKey next = *SigningKey::generate();
  fixture.keys.write("c.pem", next.public_pem());
  fixture.api.reload_keys();
  CHECK(fixture.call("GET", "/admin/v1/state", fixture.token(next)).status == 200);
  CHECK(fixture.call("GET", "/admin/v1/state", fixture.token(fixture.key)).status == 200);
}

TEST_CASE("without keys or without the pod's UID nobody is let in") {
  Fixture fixture;
  for (const auto& [folder, uid] : {std::pair<std::string, std::string>{"", "pod-1"}, {fixture.keys.path(), ""}}) {
    AdminApi api(fixture.control, fixture.clock, folder, uid);
    api.reload_keys();
    fixture.call("GET", "/admin/v1/state", fixture.token(fixture.key, uid));
    HttpRequestParser parser({});
    REQUIRE(parser.parse(fixture.bytes) == HttpParse::kComplete);
    CHECK(api.handle(parser.request()).status == 401);
  }
}

TEST_CASE("a drain is started, reported and taken back") {
  Fixture fixture;
  fixture.control.state.connections = {1, 400, 0, 12};
  fixture.control.state.drain_hinted = 300;
  fixture.control.state.handshake_p99_seconds = 0.004;
  fixture.control.state.accepts_per_second = 12.5;
  fixture.control.state.rss_bytes = 1000;
  fixture.control.state.kernel_bytes = 2000;
  fixture.control.state.tasks_queued = 3;
  fixture.control.state.totals = {.handshakes_ok = 900,
                                  .handshakes_failed = 4,
                                  .closes_clean = 480,
                                  .closes_abnormal = 8,
                                  .resumes_ok = 0,
                                  .resumes_failed = 0};
  fixture.control.state.opened = 900;
  fixture.control.state.limits = {
      .descriptors = 1'048'576, .somaxconn = 4096, .conntrack_max = 0, .memory_bytes = 536'870'912};
  fixture.control.state.bytes_per_connection = 4100;
  fixture.control.state.session_cost = 1.25;
  const std::string token = fixture.token(fixture.key);
  const HttpResponse before = fixture.call("GET", "/admin/v1/state", token);
  CHECK(json::parse(before.body) ==
        json::parse(R"({"connections":{"total":412,"byState":{"idle":1,"active":400,"dormant":0,"closing":12},
            "byProtocol":{"ws":412}},"drain":null,"handshakeP99":0.004,"memory":{"rssBytes":1000,"kernelBytes":2000},
            "acceptPerSecond":12.5,"shed":null,"terminating":null,"opened":900,"bytesPerConnection":4100,"sessionCost":1.25,
            "totals":{"handshakesOk":900,"handshakesFailed":4,"closesClean":480,"closesAbnormal":8,"resumesOk":0,
                      "resumesFailed":0},
            "limits":{"descriptors":1048576,"somaxconn":4096,"conntrackMax":0,"memoryBytes":536870912},"tasks":{"queued":3,"inFlight":0}})"));
  const HttpResponse started = fixture.call("PUT", "/admin/v1/drain", token, kDrain);
  CHECK(started.status == 200);
  REQUIRE(fixture.control.drained);
  CHECK(fixture.control.drained->reason == "ScaleDown");
  CHECK(fixture.control.drained->rate == 200.0);
  CHECK(fixture.control.drained->close_code == 1012);
  CHECK(fixture.control.drained->hint_jitter == 30s);
  CHECK(json::parse(started.body).at("drain") ==
        json::parse(R"({"startedAt":"1970-01-01T00:00:00Z","reason":"ScaleDown","deadline":"2030-01-01T00:00:00Z",
            "initial":812,"remaining":412,"hinted":300,"rate":200.0,"etaSeconds":2.1})"));
  const HttpResponse cancelled = fixture.call("DELETE", "/admin/v1/drain", token);
  CHECK(cancelled.status == 200);
  CHECK(json::parse(cancelled.body).at("drain").is_null());
  fixture.control.refuse_cancel = true;
  CHECK(fixture.call("DELETE", "/admin/v1/drain", token).status == 409);
}

TEST_CASE("a shed is started, reported and ended; a drain refuses it") {
  Fixture fixture;
  const std::string token = fixture.token(fixture.key);
  const HttpResponse started =
      fixture.call("PUT", "/admin/v1/shed", token,
                   R"({"id":"r-1","count":40,"ratePerSecond":10,"closeCode":1013,"hintJitterMs":2000})");
  CHECK(started.status == 200);
  REQUIRE(fixture.control.shed);
  CHECK(fixture.control.shed->id == "r-1");
  CHECK(fixture.control.shed->count == 40);
  CHECK(fixture.control.shed->rate == 10);
  CHECK(fixture.control.shed->close_code == 1013);
  CHECK(fixture.control.shed->hint_jitter == 2s);
  CHECK(json::parse(started.body).at("shed") ==
        json({{"id", "r-1"}, {"initial", 30}, {"remaining", 12}, {"rate", 0.0}}));
  const HttpResponse ended = fixture.call("DELETE", "/admin/v1/shed", token);
  CHECK(ended.status == 200);
  CHECK(json::parse(ended.body).at("shed").is_null());
  fixture.control.refuse_shed = true;
  const HttpResponse refused =
      fixture.call("PUT", "/admin/v1/shed", token, R"({"id":"r-2","count":1,"ratePerSecond":1})");
  CHECK(refused.status == 409);
  CHECK(json::parse(refused.body).at("error").is_string());
}

TEST_CASE("what the operator says of another gateway is passed on") {
  Fixture fixture;
  const HttpResponse told = fixture.call("POST", "/admin/v1/node-status", fixture.token(fixture.key),
                                         R"({"pod":"edge-abcde","uid":"u-1","status":"offline","severity":3})");
  CHECK(told.status == 200);
  CHECK(told.body == "{}");
  REQUIRE(fixture.control.peer);
  CHECK(fixture.control.peer->pod == "edge-abcde");
  CHECK(fixture.control.peer->uid == "u-1");
  CHECK(fixture.control.peer->status == "offline");
  CHECK(fixture.control.peer->severity == 3);
}

TEST_CASE("the state says when the process ends, where it does") {
  Fixture fixture;
  fixture.control.state.termination_deadline = WallTime(1s);
  const HttpResponse state = fixture.call("GET", "/admin/v1/state", fixture.token(fixture.key));
  CHECK(json::parse(state.body).at("terminating").at("deadline") == "1970-01-01T00:00:01Z");
}

TEST_CASE("other paths and methods are not found or not allowed") {
  Fixture fixture;
  const std::string token = fixture.token(fixture.key);
  CHECK(fixture.call("GET", "/", token).status == 404);
  CHECK(fixture.call("GET", "/admin/v1/drain", token).status == 405);
  CHECK(fixture.call("POST", "/admin/v1/state", token).status == 405);
  CHECK(fixture.call("PUT", "/admin/v1/drain", token, "{}").status == 400);
  CHECK(fixture.call("GET", "/admin/v1/shed", token).status == 405);
  CHECK(fixture.call("PUT", "/admin/v1/shed", token, "{}").status == 400);
  CHECK(fixture.call("PUT", "/admin/v1/node-status", token).status == 405);
  CHECK(fixture.call("POST", "/admin/v1/node-status", token, "{}").status == 400);
  CHECK(!fixture.control.shed);
  CHECK(!fixture.control.peer);
}

}  // namespace
}  // namespace sluice::gateway
