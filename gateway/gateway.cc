#include "gateway/gateway.h"

#include <algorithm>
#include <utility>

#include "common/base/duration_text.h"
#include "common/base/log.h"
#include "gateway/admin/costs.h"
#include "gateway/admin/memory.h"
#include "gateway/gateway_metrics.h"

namespace sluice::gateway {
namespace {

/// Keys and certificates are mounted files that change under us.
constexpr Duration kFilesReload{10'000};
constexpr Duration kSampleInterval{1'000};
/// A loop that has not ticked for so long hangs: loops tick at least once in EventLoop::kWaitMax.
constexpr Duration kHangAfter{10'000};
static_assert(kHangAfter > 5 * EventLoop::kWaitMax, "a busy machine is no hanging loop");

/// Counters of several shards are not of one moment: a difference may be below zero for an instant.
std::size_t count_of(std::int64_t sum) {
  return static_cast<std::size_t>(std::max<std::int64_t>(0, sum));
}

HttpResponse text_response(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

}  // namespace

Gateway::Gateway(const Config& config, const Clock& clock, std::uint64_t seed)
    : config_(config),
      clock_(clock),
      random_(seed),
      drain_(clock),
      admission_(config.admission, clock.steady()),
      tasks_(config.tasks.workers, config.tasks.queue_length),
      shared_{.config = config_,
              .clock = clock,
              .drain = drain_,
              .admission = admission_,
              .random = random_,
              .tasks = tasks_},
      api_(*this, clock, config.admin.public_keys_dir, config.admin.pod_uid) {}

Gateway::~Gateway() {
  // Who calls goes before who is called: admin server, workers, shards.
  if (server_) server_->stop();
  tasks_.stop();
  for (const auto& shard : shards_) shard->stop();
}

Result<std::unique_ptr<Gateway>> Gateway::start(const Config& config, const Clock& clock, std::uint64_t seed) {
  std::unique_ptr<Gateway> gateway(new Gateway(config, clock, seed));
  if (const Status listening = gateway->listen(); !listening) return listening.error();
  gateway->run();
  return gateway;
}

/// Opens one listener of every shard; answers their port.
Result<std::uint16_t> Gateway::listen_shards(std::uint16_t port, bool tls) {
  for (const auto& shard : shards_) {
    const auto address = SocketAddress::parse(config_.listen.address, port);
    if (!address) return address.error();
    const auto bound = shard->listen(*address, config_.shards > 1, tls);
    if (!bound) return bound.error();
    port = *bound;  // The first shard may be given a port; the others join it there.
  }
  return port;
}

Status Gateway::make_shards() {
  if (config_.tls.enabled()) {
    auto tls = OpensslTransportFactory::load(config_.tls.cert_file, config_.tls.key_file);
    if (!tls) return tls.error();
    tls_ = *std::move(tls);
    shared_.tls = tls_.get();
  }
  for (int i = 0; i < config_.shards; ++i) {
    auto io = make_epoll_io();
    if (!io) return io.error();
    shards_.push_back(std::make_unique<Shard>(static_cast<std::size_t>(i), shared_, shards_, *std::move(io)));
  }
  return {};
}

Status Gateway::listen() {
  if (const Status made = make_shards(); !made) return made.error();
  const auto plain_port = listen_shards(config_.listen.port, false);
  if (!plain_port) return plain_port.error();
  ports_.listen = *plain_port;
  if (tls_) {
    const auto tls_port = listen_shards(config_.tls.port, true);
    if (!tls_port) return tls_port.error();
    ports_.tls = *tls_port;
  }
  auto io = make_epoll_io();
  if (!io) return io.error();
  server_ = std::make_unique<HttpServer>(*std::move(io), clock_);
  const auto admin = SocketAddress::parse(config_.admin.address, config_.admin.port);
  const auto metrics = SocketAddress::parse(config_.metrics.address, config_.metrics.port);
  if (!admin) return admin.error();
  if (!metrics) return metrics.error();
  const auto admin_port = server_->listen(*admin, [this](const HttpRequest& request) { return api_.handle(request); });
  if (!admin_port) return admin_port.error();
  const auto metrics_port = server_->listen(*metrics, [this](const HttpRequest& request) { return probe(request); });
  if (!metrics_port) return metrics_port.error();
  ports_.admin = *admin_port;
  ports_.metrics = *metrics_port;
  return {};
}

void Gateway::run() {
  register_metrics(registry_,
                   {.shards = shards_, .tasks = tasks_, .drain = drain_, .admission = admission_, .peers = peers_});
  api_.reload_keys();  // Before the first call can come.
  server_->every(kFilesReload, [this] {
    api_.reload_keys();
    if (tls_) tls_->reload_if_changed();
  });
  server_->every(kSampleInterval, [this] { sample(); });
  idle_bytes_ = rss_bytes(read_small_file) + kernel_bytes(read_small_file);
  for (const auto& shard : shards_) shard->start();
  server_->start();
}

void Gateway::wake() {
  for (const auto& shard : shards_) shard->pass_tick();
}

void Gateway::sample() {
  HandshakeCounts counts{};
  std::int64_t accepted = 0;
  std::int64_t upgraded = 0;
  std::int64_t slow = 0;
  for (const auto& shard : shards_) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      counts[i] += static_cast<std::uint64_t>(shard->stats().handshake_buckets[i].get());
    }
    accepted += shard->stats().accepted.get();
    upgraded += shard->stats().opened.get();
    slow += shard->stats().handshakes_slow.get();
  }
  admission_.adjust(clock_.steady(), upgraded, slow);
  activity_.add(clock_.steady(), static_cast<std::uint64_t>(accepted), counts);
}

bool Gateway::healthy() const {
  const SteadyTime now = clock_.steady();
  for (const auto& shard : shards_) {
    if (now - shard->last_tick() > kHangAfter) return false;
  }
  return true;
}

HttpResponse Gateway::probe(const HttpRequest& request) {
  if (request.method != "GET") return text_response(405, "use GET\n");
  if (request.path == "/metrics") {
    HttpResponse response = text_response(200, registry_.text());
    response.content_type = kMetricsContentType;
    return response;
  }
  if (request.path == "/healthz") {
    return healthy() ? text_response(200, "ok\n") : text_response(503, "a shard does not tick\n");
  }
  if (request.path == "/readyz") {
    // A drain by the operator leaves readiness alone: its label has taken the pod out of the endpoints, and a drain
    // that is taken back must not wait for the kubelet's next probe.
    if (drain_.terminating()) return text_response(503, "terminating\n");
    return healthy() ? text_response(200, "ok\n") : text_response(503, "a shard does not tick\n");
  }
  return text_response(404, "nothing is served at this path\n");
}

std::int64_t Gateway::count(ConnectionState state) const {
  return sum_over(
      shards_, [state](const ShardStats& stats) { return stats.connections[static_cast<std::size_t>(state)].get(); });
}

std::size_t Gateway::upgraded() const {
  return static_cast<std::size_t>(count(ConnectionState::kActive) + count(ConnectionState::kDormant) +
                                  count(ConnectionState::kClosing));
}

bool Gateway::drained() const {
  return upgraded() == 0;
}

GatewaySnapshot Gateway::snapshot() {
  GatewaySnapshot snapshot;
  const std::uint32_t epoch = drain_.epoch();
  std::int64_t released = 0;
  std::int64_t able = 0;
  std::int64_t pieces = 0;
  for (const auto& shard : shards_) {
    const ShardStats& stats = shard->stats();
    for (std::size_t i = 0; i < snapshot.connections.size(); ++i) snapshot.connections[i] += stats.connections[i].get();
    const ShardStats::ReleaseCounts counts = stats.release_counts(epoch);
    snapshot.drain_hinted += counts.hinted;
    released += counts.released;
    able += stats.hintable.get();
    pieces += stats.session_state.get();
    snapshot.opened += stats.opened.get();
    snapshot.totals.add(stats);
  }
  const std::int64_t open = snapshot.connections[static_cast<std::size_t>(ConnectionState::kActive)];
  snapshot.drain = drain_.report(count_of(snapshot.remaining()), count_of(open - released));
  snapshot.shed = drain_.shed_report(count_of(able), count_of(released));
  snapshot.termination_deadline = drain_.termination_deadline();
  snapshot.handshake_p99_seconds = activity_.handshake_p99();
  snapshot.accepts_per_second = activity_.accepts_per_second();
  snapshot.rss_bytes = rss_bytes(read_small_file);
  snapshot.kernel_bytes = kernel_bytes(read_small_file);
  snapshot.bytes_per_connection =
      bytes_per_connection(snapshot.rss_bytes + snapshot.kernel_bytes, idle_bytes_, snapshot.remaining());
  snapshot.session_cost = session_cost(snapshot.remaining(), pieces);
  snapshot.limits = machine_limits(read_small_file);
  snapshot.tasks_queued = tasks_.queued();
  snapshot.tasks_in_flight = tasks_.in_flight();
  return snapshot;
}

void Gateway::tell_shards() {
  for (const auto& shard : shards_) shard->release_changed();
}

void Gateway::start_drain(const DrainRequest& request) {
  if (!drain_.active()) {
    log_info("drain started", {{"reason", request.reason},
                               {"connections", upgraded()},
                               {"rate", request.rate},
                               {"deadline", format_rfc3339(request.deadline)}});
  }
  drain_.start(request, upgraded());
  tell_shards();
}

Status Gateway::cancel_drain() {
  const bool running = drain_.active();
  if (Status done = drain_.cancel(); !done) return done;
  if (running) log_info("drain taken back", {{"connections", upgraded()}});
  tell_shards();
  return {};
}

Status Gateway::start_shed(const ShedRequest& request) {
  const auto able = sum_over(shards_, [](const ShardStats& stats) { return stats.hintable.get(); });
  const auto running = drain_.shed_report(0, 0);
  if (Status begun = drain_.start_shed(request, count_of(able)); !begun) return begun;
  if (!running || running->id != request.id) {  // The operator repeats its order.
    log_info("shed started", {{"id", request.id}, {"count", request.count}, {"able", able}, {"rate", request.rate}});
  }
  tell_shards();
  return {};
}

void Gateway::cancel_shed() {
  if (!drain_.cancel_shed()) return;
  log_info("shed ended", {{"connections", upgraded()}});
  tell_shards();
}

void Gateway::note_peer(const PeerStatus& peer) {
  const std::string before = peers_.update(peer);
  if (before == peer.status) return;
  log_info("peer status changed", {{"pod", peer.pod},
                                   {"uid", peer.uid},
                                   {"status", peer.status},
                                   {"before", before.empty() ? "unknown" : before},
                                   {"severity", peer.severity}});
}

void Gateway::terminate() {
  log_info("terminating", {{"connections", upgraded()}, {"grace", config_.drain.termination_grace}});
  drain_.terminate(upgraded(), config_.drain.termination_grace, config_.drain.hint_jitter);
  tell_shards();
}

}  // namespace sluice::gateway
