#include "operator/controller.h"

#include <doctest/doctest.h>

#include <condition_variable>

#include "common/http/loopback_server.h"
#include "common/kube/fake_api.h"
#include "operator/names.h"

namespace sluice::op {
namespace {

using kube::answer;
using kube::Json;

constexpr Duration kLong{20'000};  // Reached only by a fault.

Json gateway(int replicas, const char* version) {
  Json object = Json::parse(R"({"apiVersion":"sluice.dev/v1alpha1","kind":"RealtimeGateway",
      "metadata":{"name":"edge","namespace":"live","uid":"owner","finalizers":["sluice.dev/drain"]}})");
  object["metadata"]["resourceVersion"] = version;
  object["spec"]["replicas"] = replicas;
  return object;
}

/// A pod of the gateway that has not been started yet.
Json pending_pod(const std::string& name) {
  Json pod = Json::parse(R"({"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"live","resourceVersion":"7",
      "labels":{"sluice.dev/gateway":"edge","sluice.dev/state":"active","sluice.dev/traffic":"on"},
      "ownerReferences":[{"uid":"owner","controller":true}]},"status":{"phase":"Pending"}})");
  pod["metadata"]["name"] = name;
  pod["metadata"]["uid"] = "uid-" + name;
  pod["metadata"]["labels"][kRevisionLabel] = revision_of(Json::object(), "image");
  return pod;
}

/// An API server whose caches (watches) and whose etcd (lists) need not agree. It keeps what is written to it.
class TwoFacedApi {
 public:
  TwoFacedApi(Json cached_gateway, Json newest_gateway, std::vector<Json> pods)
      : cached_gateway_(std::move(cached_gateway)),
        newest_gateway_(std::move(newest_gateway)),
        pods_(std::move(pods)),
        server_([this](http::LoopbackConnection& connection) { serve(connection); }) {}

  [[nodiscard]] kube::Config config() const {
    kube::Config config;
    config.server = "http://127.0.0.1:" + std::to_string(server_.port());
    return config;
  }
  /// Waits for a write whose first line begins with `line`; false at the time-out.
  bool wait_written(const std::string& line) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [&] { return count_locked(line) > 0; });
  }
  int written(const std::string& line) {
    const std::lock_guard lock(mutex_);
    return count_locked(line);
  }

 private:
  int count_locked(const std::string& line) const {
    return static_cast<int>(std::count_if(writes_.begin(), writes_.end(),
                                          [&](const std::string& write) { return write.starts_with(line); }));
  }

  void serve(http::LoopbackConnection& connection) {
    for (std::string request = connection.read_request(); !request.empty(); request = connection.read_request()) {
      const std::string line = request.substr(0, request.find(" HTTP/1.1"));
      connection.send(line.starts_with("GET ") ? read(line) : write(line, request));
    }
  }
  std::string read(const std::string& line) const {
    const bool gateways = line.find("/realtimegateways") != std::string::npos;
    const bool pods = line.find("/pods") != std::string::npos;
    if (line.find("watch=true") != std::string::npos) {
      std::string events;
      const auto added = [&](const Json& object) {
        events += Json{{"type", "ADDED"}, {"object", object}}.dump() + "\n";
      };
      if (gateways) added(cached_gateway_);
      for (const Json& pod : pods_) {
        if (pods) added(pod);
      }
      return kube::open_watch(events + kube::end_of_state_line("10"));
    }
    if (line.starts_with("GET /apis/sluice.dev/v1alpha1/realtimegateways?")) return list_of({newest_gateway_});
    if (line.starts_with("GET /api/v1/pods?")) return list_of(pods_);
    return answer(404, "{}");
  }
  static std::string list_of(const std::vector<Json>& items) {
    return answer(200, Json{{"metadata", {{"resourceVersion", "50"}}}, {"items", items}}.dump());
  }
  /// Every write succeeds, and answers what was written.
  std::string write(const std::string& line, const std::string& request) {
    // It reads what is written, so that has to be JSON.
    if (request.find("Content-Type: application/vnd.kubernetes.protobuf") != std::string::npos) return answer(415, "");
    Json object = Json::parse(request.substr(request.find("\r\n\r\n") + 4), nullptr, false);
    const std::lock_guard lock(mutex_);
    object["metadata"]["uid"] = "uid-" + std::to_string(++version_);
    object["metadata"]["resourceVersion"] = std::to_string(version_);
    writes_.push_back(line);
    changed_.notify_all();
    return answer(line.starts_with("POST ") ? 201 : 200, object.dump());
  }

  const Json cached_gateway_;
  const Json newest_gateway_;
  const std::vector<Json> pods_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> writes_;
  int version_ = 100;
  http::LoopbackServer server_;  // Last: its threads use what stands above.
};

/// A controller that leads, until it is destroyed.
struct Leader {
  SystemClock clock;
  Random random{1};
  MetricsRegistry metrics;
  kube::Client client;
  Caches caches{client, clock, random, metrics, ""};
  AdminClient admin{clock, metrics};
  kube::EventRecorder events{client, clock, random, "test", "test", nullptr};
  Controller controller{client, caches, admin, events, clock, metrics, {.ns = "system", .default_image = "image"}};

  explicit Leader(const TwoFacedApi& api) : client(api.config(), "test", nullptr) {
    caches.start();
    controller.start();
  }
  ~Leader() {
    controller.stop();
    client.shut_down();
    caches.stop();
  }
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;
};

constexpr const char* kCreatePod = "POST /api/v1/namespaces/live/pods";
constexpr const char* kDryRun = "POST /api/v1/namespaces/live/pods?dryRun";
constexpr const char* kApplyKeys = "PATCH /api/v1/namespaces/live/configmaps/edge-admin-keys";
constexpr const char* kApplyStatus = "PATCH /apis/sluice.dev/v1alpha1/namespaces/live/realtimegateways/edge/status";

}  // namespace

TEST_CASE("a new leader acts by the spec that etcd has, not by its cache's") {
  SUBCASE("two replicas are wanted by now") {
    TwoFacedApi api(gateway(1, "5"), gateway(2, "20"), {pending_pod("edge-a")});
    const Leader leader(api);
    REQUIRE(api.wait_written(kApplyStatus));
    CHECK(api.written(kCreatePod) - api.written(kDryRun) == 1);
  }
  SUBCASE("one replica was wanted when the cache was made") {
    TwoFacedApi api(gateway(1, "5"), gateway(2, "20"), {pending_pod("edge-a"), pending_pod("edge-b")});
    const Leader leader(api);
    REQUIRE(api.wait_written(kApplyStatus));
    CHECK(api.written("DELETE") == 0);
  }
}

TEST_CASE("the keys of a gateway that is deleted are kept as long as its pods drain") {
  const auto deleted = [](const char* finalizer) {
    Json object = gateway(1, "5");
    object["metadata"]["deletionTimestamp"] = "2026-11-23T09:59:00Z";
    if (*finalizer != '\0') object["metadata"]["finalizers"].push_back(finalizer);
    return object;
  };
  Json running = pending_pod("edge-a");
  running["status"]["phase"] = "Running";
  SUBCASE("in the background") {
    TwoFacedApi api(deleted(""), deleted(""), {running});
    const Leader leader(api);
    CHECK(api.wait_written(kApplyKeys));
  }
  SUBCASE("not where the garbage collector deletes them first") {
    TwoFacedApi api(deleted("foregroundDeletion"), deleted("foregroundDeletion"), {running});
    const Leader leader(api);
    REQUIRE(api.wait_written(kApplyStatus));
    CHECK(api.written(kApplyKeys) == 0);
  }
  SUBCASE("nor where all is to stay as it is") {
    TwoFacedApi api(deleted("orphan"), deleted("orphan"), {running});
    const Leader leader(api);
    REQUIRE(api.wait_written(kApplyStatus));
    CHECK(api.written(kApplyKeys) == 0);
    CHECK(api.written("PATCH /api/v1/namespaces/live/pods") == 0);
  }
}

}  // namespace sluice::op
