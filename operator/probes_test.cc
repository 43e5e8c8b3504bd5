#include "operator/probes.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

#include "common/http/loopback_server.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

using http::LoopbackConnection;
using http::LoopbackServer;

constexpr const char* kNobody = "127.0.0.1:1";

std::string address_of(const LoopbackServer& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

/// Answers every request with this status.
class Health {
 public:
  void set(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  void answer(LoopbackConnection& connection) {
    const std::string request = connection.read_request();
    const std::lock_guard lock(mutex_);
    if (!request.starts_with("GET /healthz ")) status_ = 404;
    connection.send("HTTP/1.1 " + std::to_string(status_) + " X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  }

 private:
  std::mutex mutex_;
  int status_ = 200;
};

class Fixture {
 public:
  Fixture() { prober.start(); }
  /// Probes, and waits for the end of it.
  ProbeCount probe(const ProbePod& pod) {
    std::unique_lock lock(mutex_);
    const int before = done_;
    prober.probe("live/edge", pod);
    changed_.wait(lock, [&] { return done_ > before; });
    return prober.of(pod.uid);
  }
  double count(const char* result) {
    return metrics
        .counter("sluice_operator_probes_total", "Probes of pods that are out of the fleet.", {{"result", result}})
        .value();
  }

  SystemClock clock;
  MetricsRegistry metrics;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int done_ = 0;

 public:
  Prober prober{clock, metrics, [this](const std::string& key) {
                  CHECK(key == "live/edge");
                  const std::lock_guard lock(mutex_);
                  ++done_;
                  changed_.notify_all();
                }};
};

}  // namespace

TEST_CASE("a probe succeeds where the port accepts and the gateway says that it is well") {
  Fixture fixture;
  Health health;
  LoopbackServer clients([](LoopbackConnection&) {});
  LoopbackServer metrics([&](LoopbackConnection& connection) { health.answer(connection); });
  const ProbePod pod{"u", address_of(clients), kNobody, address_of(metrics)};

  CHECK(fixture.probe(pod).successes == 1);
  CHECK(fixture.probe(pod).successes == 2);
  health.set(503);
  CHECK(fixture.probe(pod).successes == 0);
  health.set(200);
  CHECK(fixture.probe(pod).successes == 1);
  // Nobody listens where clients come.
  CHECK(fixture.probe({"u", kNobody, kNobody, pod.metrics_address}).successes == 0);
  CHECK(fixture.probe({"u", pod.ws_address, kNobody, kNobody}).successes == 0);
  CHECK(fixture.probe({"u", "edge-abc:8080", "edge-abc:8443", pod.metrics_address}).successes == 0);
  // TLS alone will do.
  CHECK(fixture.probe({"u", kNobody, pod.ws_address, pod.metrics_address}).successes == 1);
  CHECK(fixture.count("ok") == 4);
  CHECK(fixture.count("failed") == 4);
}

TEST_CASE("successes are forgotten with the pod") {
  Fixture fixture;
  Health health;
  LoopbackServer clients([](LoopbackConnection&) {});
  LoopbackServer metrics([&](LoopbackConnection& connection) { health.answer(connection); });
  const ProbePod a{"a", address_of(clients), kNobody, address_of(metrics)};
  ProbePod b = a;
  b.uid = "b";
  CHECK(fixture.probe(a).successes == 1);
  CHECK(fixture.probe(b).successes == 1);
  fixture.prober.forget("a");
  CHECK(fixture.prober.of("a").successes == 0);
  CHECK_FALSE(fixture.prober.of("a").last);
  fixture.prober.set_pods("live/other", {});
  CHECK(fixture.prober.of("b").successes == 1);
  fixture.prober.set_pods("live/edge", {"a"});
  CHECK(fixture.prober.of("b").successes == 0);
}

TEST_CASE("a peer that accepts and says nothing fails the probe in time") {
  Fixture fixture;
  std::mutex held;
  held.lock();
  LoopbackServer clients([](LoopbackConnection&) {});
  LoopbackServer silent([&](LoopbackConnection&) { const std::lock_guard wait(held); });
  const SteadyTime begin = fixture.clock.steady();
  CHECK(fixture.probe({"u", address_of(clients), kNobody, address_of(silent)}).successes == 0);
  CHECK(fixture.clock.steady() - begin < 2 * kProbeTimeout);
  held.unlock();
}

TEST_CASE("connect_once names what is wrong") {
  CHECK(connect_once("127.0.0.1:1", 1s).error().message == "no connection to 127.0.0.1:1: Connection refused");
  CHECK(connect_once("[::1]:1", 1s).error().code == ErrorCode::kUnavailable);
  CHECK(connect_once("nobody", 1s).error().message == "nobody names no port");
  CHECK(connect_once("host:80", 1s).error().code == ErrorCode::kInvalid);
}

}  // namespace sluice::op
