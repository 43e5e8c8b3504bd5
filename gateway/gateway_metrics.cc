#include "gateway/gateway_metrics.h"

#include <string>
#include <utility>

#include "gateway/admin/memory.h"

namespace sluice::gateway {
namespace {

using Shards = std::vector<std::unique_ptr<Shard>>;
using Read = std::function<std::int64_t(const ShardStats&)>;

const MetricLabels kTenant = {{"tenant", "default"}};

class Registrar {
 public:
  Registrar(MetricsRegistry& registry, const Shards& shards) : registry_(registry), shards_(shards) {}

  void number(const char* name, const char* help, MetricType type, Read read) {
    registry_.add_collector(name, help, type, [&shards = shards_, read = std::move(read)] {
      return std::vector<MetricSample>{{{}, static_cast<double>(sum_over(shards, read))}};
    });
  }

  /// A series for each name of `names`, with it as the label `label`.
  template <std::size_t N>
  void array(const char* name, const char* help, MetricType type, const char* label,
             const std::array<const char*, N>& names, std::array<LocalNumber, N> ShardStats::*numbers,
             const MetricLabels& more = {}) {
    registry_.add_collector(name, help, type, [&shards = shards_, &names, numbers, label, more] {
      std::vector<MetricSample> samples;
      for (std::size_t i = 0; i < N; ++i) {
        MetricLabels labels = more;
        labels.emplace_back(label, names[i]);
        const std::int64_t sum =
            sum_over(shards, [numbers, i](const ShardStats& stats) { return (stats.*numbers)[i].get(); });
        samples.push_back({std::move(labels), static_cast<double>(sum)});
      }
      return samples;
    });
  }

  void gauge(const char* name, const char* help, MetricType type, MetricLabels labels, std::function<double()> read) {
    registry_.add_collector(name, help, type, [labels = std::move(labels), read = std::move(read)] {
      return std::vector<MetricSample>{{labels, read()}};
    });
  }

 private:
  MetricsRegistry& registry_;
  const Shards& shards_;
};

Read reader(LocalNumber ShardStats::*number) {
  return [number](const ShardStats& stats) { return (stats.*number).get(); };
}

void register_connections(MetricsRegistry& registry, Registrar& add, const Shards& shards) {
  add.array("rtgw_connections", "Client connections now.", MetricType::kGauge, "state", kConnectionStateNames,
            &ShardStats::connections, {{"protocol", "ws"}});
  add.number("rtgw_connections_opened_total", "Connections that were upgraded.", MetricType::kCounter,
             reader(&ShardStats::opened));
  add.array("rtgw_connections_closed_total", "Upgraded connections that ended, by who or what ended them.",
            MetricType::kCounter, "reason", kCloseCauseNames, &ShardStats::closed);
  add.array("rtgw_handshakes_total", "Accepted sockets by the outcome of their handshake.", MetricType::kCounter,
            "result", kHandshakeResultNames, &ShardStats::handshakes);
  add.number("rtgw_accept_failures_total", "Times that no descriptor or memory was left to accept a socket.",
             MetricType::kCounter, reader(&ShardStats::accept_failures));
  registry.add_histogram_collector("rtgw_handshake_seconds", "From accepting a socket to its 101 answer.", [&shards] {
    HistogramSample sample;
    sample.bounds.assign(kHandshakeSecondsBounds.begin(), kHandshakeSecondsBounds.end());
    sample.counts.assign(sample.bounds.size() + 1, 0);
    for (const auto& shard : shards) {
      for (std::size_t i = 0; i < sample.counts.size(); ++i) {
        sample.counts[i] += static_cast<std::uint64_t>(shard->stats().handshake_buckets[i].get());
      }
      sample.sum += static_cast<double>(shard->stats().handshake_microseconds.get()) / 1e6;
    }
    return std::vector<HistogramSample>{std::move(sample)};
  });
}

void register_traffic(Registrar& add) {
  add.number("rtgw_messages_received_total", "Messages from clients, without control frames.", MetricType::kCounter,
             reader(&ShardStats::messages_received));
  add.number("rtgw_messages_sent_total", "Messages queued for clients, without control frames.", MetricType::kCounter,
             reader(&ShardStats::messages_sent));
  add.number("rtgw_received_bytes_total", "Bytes received from client sockets.", MetricType::kCounter,
             reader(&ShardStats::bytes_received));
  add.number("rtgw_sent_bytes_total", "Bytes that client sockets took.", MetricType::kCounter,
             reader(&ShardStats::bytes_sent));
  add.number("rtgw_send_queue_bytes", "Memory held by send queues now.", MetricType::kGauge,
             reader(&ShardStats::send_queue_bytes));
  add.number("rtgw_slow_consumer_closes_total", "Connections closed with 1013 because they did not read.",
             MetricType::kCounter, reader(&ShardStats::slow_consumer_closes));
}

void register_tasks(MetricsRegistry& registry, Registrar& add, const TaskPool& tasks) {
  add.gauge("rtgw_task_queue_length", "Tasks that wait for a worker now.", MetricType::kGauge, kTenant,
            [&tasks] { return static_cast<double>(tasks.queued()); });
  add.gauge("rtgw_in_flight_requests", "Tasks that a worker runs now.", MetricType::kGauge, kTenant,
            [&tasks] { return static_cast<double>(tasks.in_flight()); });
  registry.add_collector("rtgw_tasks_completed_total", "Tasks by how they ended.", MetricType::kCounter, [&tasks] {
    const auto sample = [](const char* result, std::uint64_t value) {
      return MetricSample{{{"tenant", "default"}, {"result", result}}, static_cast<double>(value)};
    };
    return std::vector<MetricSample>{sample("ok", tasks.completed()), sample("failed", tasks.failed()),
                                     sample("queue_full", tasks.rejected()), sample("dropped", tasks.dropped())};
  });
}

void register_drain(Registrar& add, const Shards& shards, const DrainController& drain) {
  add.gauge("rtgw_draining", "1 while a drain runs.", MetricType::kGauge, {},
            [&drain] { return drain.active() ? 1.0 : 0.0; });
  add.gauge("rtgw_drain_remaining_connections", "Connections that the running drain waits for.", MetricType::kGauge, {},
            [&drain, &shards] {
              if (!drain.active()) return 0.0;
              return static_cast<double>(sum_over(shards, [](const ShardStats& stats) {
                return stats.connections[static_cast<std::size_t>(ConnectionState::kActive)].get() +
                       stats.connections[static_cast<std::size_t>(ConnectionState::kDormant)].get() +
                       stats.connections[static_cast<std::size_t>(ConnectionState::kClosing)].get();
              }));
            });
}

void register_admission(Registrar& add, const AdmissionDoor& door) {
  add.gauge("rtgw_admission_rate", "Newcomers that are let in a second, at most, now.", MetricType::kGauge, {},
            [&door] { return door.rate(); });
  add.gauge("rtgw_admission_waiting", "Accepted sockets that wait to be let in now.", MetricType::kGauge, {},
            [&door] { return static_cast<double>(door.waiting()); });
  add.gauge("rtgw_admission_rejected_total", "Newcomers that came while the queue was full: told 503, or cut.",
            MetricType::kCounter, {}, [&door] { return static_cast<double>(door.refused()); });
}

void register_peers(MetricsRegistry& registry, const PeerTable& peers) {
  registry.add_collector("rtgw_peers", "Other gateways that the operator has told this one of, by what it said last.",
                         MetricType::kGauge, [&peers] {
                           std::vector<MetricSample> samples;
                           const auto counts = peers.by_status();
                           for (std::size_t i = 0; i < counts.size(); ++i) {
                             samples.push_back({{{"status", kPeerStatusNames[i]}}, static_cast<double>(counts[i])});
                           }
                           return samples;
                         });
}

}  // namespace

std::int64_t sum_over(const Shards& shards, const Read& number) {
  std::int64_t sum = 0;
  for (const auto& shard : shards) sum += number(shard->stats());
  return sum;
}

void register_metrics(MetricsRegistry& registry, const MetricSources& sources) {
  Registrar add(registry, sources.shards);
  register_connections(registry, add, sources.shards);
  register_traffic(add);
  register_tasks(registry, add, sources.tasks);
  register_drain(add, sources.shards, sources.drain);
  register_admission(add, sources.admission);
  register_peers(registry, sources.peers);
  add.gauge("process_resident_memory_bytes", "Resident memory of the process.", MetricType::kGauge, {},
            [] { return static_cast<double>(rss_bytes(read_small_file)); });
  add.gauge("rtgw_kernel_memory_bytes", "Kernel memory of the process's control group (gateway/admin/memory.h).",
            MetricType::kGauge, {}, [] { return static_cast<double>(kernel_bytes(read_small_file)); });
  registry.counter("rtgw_resumes_total", "Sessions resumed after a reconnect.", {{"result", "ok"}});
}

}  // namespace sluice::gateway
