// Probes of pods that are out of the fleet: does a port for clients, plain or TLS, accept a TCP connection, and does
// the gateway say over HTTP that it is well (GET /healthz)? Both over the network, as a client would come: nobody's
// word is taken for it. Which pods are probed, and what follows, is decided in healing.h.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/result.h"
#include "common/http/client.h"
#include "operator/plan.h"
#include "operator/probe_counts.h"

namespace sluice::op {

/// Connects to `address` ("10.0.0.7:8080", "[::1]:8080") and closes again. Errors: kUnavailable; kInvalid where the
/// text is no numeric address.
Status connect_once(const std::string& address, Duration timeout);

/// Threads: any.
class Prober {
 public:
  /// `done` runs on the prober's threads once a pod's probe has ended, with the key it was asked under; it must not
  /// block. `metrics` gets sluice_operator_probes_total{result}. References outlive this.
  Prober(const Clock& clock, MetricsRegistry& metrics, std::function<void(const std::string& key)> done);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  void start();
  /// Ends what is under way; no callback runs after it.
  void stop();

  /// Begins a probe and counts it; nothing where one of that pod is under way, or too many wait.
  void probe(const std::string& key, const ProbePod& pod);
  [[nodiscard]] ProbeCount of(const std::string& uid) const;
  /// The pod's successes count from anew; a probe that is under way counts no more.
  void forget(const std::string& uid);
  /// The pods of `key` are now these: the others are forgotten.
  void set_pods(const std::string& key, const std::vector<std::string_view>& uids);

 private:
  struct Entry {
    std::string key;
    ProbeCount count;
    std::uint64_t under_way = 0;  ///< Number of the probe that counts when it ends; 0: none.
  };
  struct Waiting {
    std::string key;
    ProbePod pod;
    std::uint64_t number = 0;
  };
  void run();
  Status ask(const ProbePod& pod);
  void ended(const Waiting& probe, const Status& outcome);

  const Clock& clock_;
  const std::function<void(const std::string& key)> done_;
  const Counter ok_, failed_;
  http::Client client_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Entry> entries_;  ///< By UID.
  std::deque<Waiting> waiting_;
  std::uint64_t last_number_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::op
