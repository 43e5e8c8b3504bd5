// Everything the load generator counts, and the JSON lines it is reported in (bench/loadgen/README.md lists the
// fields).
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/loadgen/hint.h"
#include "bench/loadgen/latency_histogram.h"

namespace sluice::loadgen {

/// Counts by label. Bounded: what comes after the 64th label counts as "other".
class Labels {
 public:
  void add(const std::string& label, std::uint64_t by = 1);
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

 private:
  std::map<std::string, std::uint64_t> counts_;
  std::uint64_t total_ = 0;
};

struct EchoCounts {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;   ///< Right, byte for byte, each counted once.
  std::uint64_t lost = 0;       ///< Unanswered when their connection had ended, deaf clients' included.
  std::uint64_t lost_deaf = 0;  ///< The part of `lost` that deaf clients had in flight when a hinted 1012 came.
  std::uint64_t duplicate = 0;  ///< A second answer to the same echo.
  std::uint64_t reordered = 0;  ///< Answered before an earlier one of the same connection.
  std::uint64_t corrupt = 0;    ///< Any other message than an echo that is awaited.
};

struct TaskCounts {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;  ///< With the right digest.
  std::uint64_t refused = 0;   ///< Answered with an error ("queue full"); asked again later under a new id.
  std::uint64_t wrong = 0;     ///< A wrong digest, an unknown id, or no answer at all to the protocol.
  std::uint64_t lost = 0;      ///< Unanswered when their connection had ended.
};

/// Latencies since the start and since the last report.
struct Latency {
  LatencyHistogram total, second;
  void record(std::chrono::microseconds value) {
    total.record(value);
    second.record(value);
  }
};

/// Counters only; what is true right now (connected, connecting) is counted by the loop. Threads: one.
struct Tally {
  EchoCounts echoes;
  TaskCounts tasks;
  Latency echo_latency, task_latency;

  std::uint64_t opened = 0;      ///< Connections that completed the handshake.
  Labels refused;                ///< Attempts that did not, by reason. They are retried and never abnormal ends.
  std::uint64_t reconnects = 0;  ///< Connections opened after an earlier one of the same client had ended.
  std::uint64_t overlaps = 0;    ///< Connections opened beside the hinted one they replace (make before break).

  std::uint64_t ended_own = 0;
  std::uint64_t ended_hinted = 0;       ///< 1012 after a hint frame or with the hint in its reason.
  std::uint64_t ended_hinted_deaf = 0;  ///< The part of `ended_hinted` whose client negotiated no hints.
  Labels abnormal;

  std::uint64_t hints = 0;            ///< Hint frames received.
  std::uint64_t retire_timeouts = 0;  ///< Connections closed with 1000 though answers were still awaited.
  std::uint64_t left_open = 0;        ///< TCP connections that the gateway did not close after the Close frames.
  std::uint64_t pings_sent = 0, pongs_received = 0, pings_answered = 0;

  void count_end(const EndVerdict& verdict, bool deaf);
};

/// What is true at the moment of a report.
struct Gauges {
  double elapsed_seconds = 0;
  std::uint64_t target = 0;        ///< Clients there should be now.
  std::uint64_t clients = 0;       ///< Clients there are (echo).
  std::uint64_t connected = 0;     ///< Clients with an open connection (echo).
  std::uint64_t connecting = 0;    ///< Attempts under way or waiting for their turn.
  std::uint64_t retiring = 0;      ///< Open connections that only wait for answers or for the peer's Close.
  std::uint64_t outstanding = 0;   ///< Echoes awaited.
  std::uint64_t task_clients = 0;  ///< Task clients with an open connection.
  std::uint64_t task_outstanding = 0;
};

/// One report. Clears the latencies of the last second.
nlohmann::ordered_json report(Tally& tally, const Gauges& gauges);

}  // namespace sluice::loadgen
