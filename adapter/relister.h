// Keeps the catalog fresh: every interval it asks the API server for its resources and Prometheus for the series of
// each rule, and makes a new catalog. Each rule stands alone: one that fails keeps what it had, the others go on.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "adapter/catalog.h"
#include "adapter/prometheus_client.h"
#include "common/base/metrics.h"

namespace sluice::adapter {

class Relister {
 public:
  struct Options {
    Duration interval{60'000};
    Duration look_back{120'000};  ///< A series without a sample for so long is gone.
  };
  using Discover = std::function<Result<ResourceMap>()>;

  /// References live longer. Nothing runs before start().
  Relister(std::shared_ptr<const std::vector<Rule>> rules, SeriesApi& prometheus, Discover discover, const Clock& clock,
           Options options, CatalogHolder& out, MetricsRegistry& metrics);
  ~Relister();
  Relister(const Relister&) = delete;
  Relister& operator=(const Relister&) = delete;

  void start();
  /// Waits for a relist that is under way.
  void stop();
  /// One relist, now, on this thread. False where something could not be read; the catalog is as good as it can be
  /// then.
  bool relist();
  /// Somebody asked for a metric that is not known: relist soon, but not more often than every kHurryMin.
  void hurry();

  static constexpr Duration kHurryMin{5'000};
  /// A relist ends after it, whatever is left; the next one begins with the rules that were not asked for.
  static constexpr Duration kSeriesBudget{60'000};

 private:
  void run();
  bool list_series();
  void publish();
  void list_rule(std::size_t rule, const Result<SeriesNames>& answer);

  const std::shared_ptr<const std::vector<Rule>> rules_;
  SeriesApi& prometheus_;
  const Discover discover_;
  const Clock& clock_;
  const Options options_;
  CatalogHolder& out_;

  // The relisting thread's own.
  std::vector<RuleListing> listings_;
  ResourceMap resources_;
  bool resources_known_ = false;
  std::size_t first_rule_ = 0;  // with which a relist begins

  std::vector<Gauge> rule_series_, rule_failing_;
  std::string unknown_;  // the resources that were last complained about
  const Gauge last_success_, metrics_known_;
  const Counter failures_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  bool hurry_ = false;     // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice::adapter
