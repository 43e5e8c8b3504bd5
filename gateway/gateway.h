// The whole gateway in one process: shards, workers, drain, admin server. main.cc makes one; so do tests.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "gateway/admin/admin_api.h"
#include "gateway/admin/gateway_control.h"
#include "gateway/admin/http_server.h"
#include "gateway/admin/peers.h"
#include "gateway/admin/recent_activity.h"
#include "gateway/admission/door.h"
#include "gateway/config.h"
#include "gateway/drain/controller.h"
#include "gateway/shard.h"
#include "gateway/tasks/task_pool.h"
#include "gateway/tls/openssl_transport.h"

namespace sluice::gateway {

/// Where a started gateway listens; with port 0 in the configuration these are the ports it was given.
struct Ports {
  std::uint16_t listen = 0;
  std::uint16_t tls = 0;  ///< 0 where TLS is off.
  std::uint16_t admin = 0;
  std::uint16_t metrics = 0;
};

class Gateway final : public GatewayControl {
 public:
  /// Listens and starts all threads. `clock` outlives the gateway. Errors: kUnavailable (a port is taken), kInvalid (a
  /// certificate cannot be used).
  static Result<std::unique_ptr<Gateway>> start(const Config& config, const Clock& clock, std::uint64_t seed);
  ~Gateway() override;
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  [[nodiscard]] const Ports& ports() const { return ports_; }
  // Threads: any.
  /// SIGTERM: drains within drain.terminationGrace.
  void terminate();
  [[nodiscard]] std::int64_t count(ConnectionState state) const;
  /// Whether no upgraded connection is left.
  [[nodiscard]] bool drained() const;
  /// For tests that move the clock by hand: returns once every shard has been through a whole tick at its time.
  void wake();
  /// For tests that keep a worker busy.
  [[nodiscard]] TaskPool& tasks() { return tasks_; }

  // GatewayControl.
  GatewaySnapshot snapshot() override;
  void start_drain(const DrainRequest& request) override;
  Status cancel_drain() override;
  Status start_shed(const ShedRequest& request) override;
  void cancel_shed() override;
  void note_peer(const PeerStatus& peer) override;

 private:
  Gateway(const Config& config, const Clock& clock, std::uint64_t seed);
  Status listen();
  Status make_shards();
  Result<std::uint16_t> listen_shards(std::uint16_t port, bool tls);
  void run();
  [[nodiscard]] HttpResponse probe(const HttpRequest& request);
  [[nodiscard]] bool healthy() const;
  [[nodiscard]] std::size_t upgraded() const;
  void sample();
  void tell_shards();

  const Config config_;
  const Clock& clock_;
  Random random_;
  DrainController drain_;
  AdmissionDoor admission_;
  TaskPool tasks_;
  std::unique_ptr<OpensslTransportFactory> tls_;
  ShardShared shared_;
  std::vector<std::unique_ptr<Shard>> shards_;
  MetricsRegistry registry_;
  RecentActivity activity_;
  PeerTable peers_;               ///< The admin server's thread has it to itself, scrapes included.
  std::uint64_t idle_bytes_ = 0;  ///< Memory of process and kernel before the first client.
  AdminApi api_;
  std::unique_ptr<HttpServer> server_;
  Ports ports_;
};

}  // namespace sluice::gateway
