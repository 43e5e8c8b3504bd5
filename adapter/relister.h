// Keeps the catalog fresh: every interval it asks the API server for its resources and Prometheus for the series of
// each rule, and makes a new catalog. Each rule stands alone, and so does each API group: one that fails keeps what it
// had and is tried again sooner, the others go on.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "adapter/catalog.h"
#include "adapter/known_resources.h"
#include "adapter/prometheus_client.h"
#include "adapter/relist_schedule.h"
#include "common/base/metrics.h"

namespace sluice::adapter {

class Relister {
 public:
  struct Options {
    Duration interval{60'000};
    Duration look_back{120'000};  ///< A series without a sample for so long is gone.
  };

  /// References live longer. Nothing runs before start().
  Relister(std::shared_ptr<const std::vector<Rule>> rules, SeriesApi& prometheus, ResourceApi& resources,
           const Clock& clock, Options options, CatalogHolder& out, MetricsRegistry& metrics);
  ~Relister();
  Relister(const Relister&) = delete;
  Relister& operator=(const Relister&) = delete;

  void start();
  /// Waits for a relist that is under way.
  void stop();
  /// One relist, now, on this thread. False where something could not be read, now or the last time it was tried; the
  /// catalog is as good as it can be then.
  bool relist(RelistScope scope = RelistScope::kEverything);
  /// Somebody asked for a metric that is not known: list the series soon, unless that was in vain before.
  void hurry(const MetricKey& key);

  /// A relist ends after it, whatever is left; the next one begins with the rules that were not asked for.
  static constexpr Duration kSeriesBudget{60'000};

 private:
  void run();
  void list_series();
  void publish();
  void list_rule(std::size_t rule, const Result<SeriesNames>& answer);

  const std::shared_ptr<const std::vector<Rule>> rules_;
  SeriesApi& prometheus_;
  const Clock& clock_;
  const Options options_;
  CatalogHolder& out_;

  // The relisting thread's own.
  KnownResources resources_;
  std::vector<RuleListing> listings_;
  std::vector<bool> to_list_;   // the rules whose series are to be listed
  std::size_t first_rule_ = 0;  // with which a relist begins

  std::vector<Gauge> rule_series_, rule_failing_;
  std::string unknown_;  // the resources that were last complained about
  const Gauge last_success_, metrics_known_;
  const Counter failures_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;    // guarded by mutex_
  RelistSchedule schedule_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice::adapter
