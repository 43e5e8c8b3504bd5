#include "adapter/relister.h"

#include <algorithm>

#include "common/base/log.h"

namespace sluice::adapter {

Relister::Relister(std::shared_ptr<const std::vector<Rule>> rules, SeriesApi& prometheus, Discover discover,
                   const Clock& clock, Options options, CatalogHolder& out, MetricsRegistry& metrics)
    : rules_(std::move(rules)),
      prometheus_(prometheus),
      discover_(std::move(discover)),
      clock_(clock),
      options_(options),
      out_(out),
      listings_(rules_->size()),
      last_success_(metrics.gauge("sluice_adapter_relist_last_success_timestamp_seconds",
                                  "When resources and all rules' series were last listed; 0 before the first time.")),
      metrics_known_(metrics.gauge("sluice_adapter_metrics", "Metrics that can be asked for.")),
      failures_(
          metrics.counter("sluice_adapter_relist_failures_total", "Relists in which something could not be read.")) {
  for (const Rule& rule : *rules_) {
    const MetricLabels labels{{"rule", std::to_string(rule.number)}};
    rule_series_.push_back(
        metrics.gauge("sluice_adapter_rule_series", "Series names that a rule's seriesQuery finds.", labels));
    rule_failing_.push_back(
        metrics.gauge("sluice_adapter_rule_failing", "1 while a rule's series cannot be listed.", labels));
  }
}

Relister::~Relister() {
  stop();
}

void Relister::start() {
  thread_ = std::thread([this] { run(); });
}

void Relister::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Relister::hurry() {
  {
    const std::lock_guard lock(mutex_);
    hurry_ = true;
  }
  wake_.notify_all();
}

void Relister::run() {
  for (;;) {
    const bool good = relist();
    const auto began = std::chrono::steady_clock::now();
    // What failed is tried again soon: an adapter that starts before Prometheus should not wait a whole interval.
    const Duration wait = good ? options_.interval : std::min(options_.interval, kHurryMin);
    std::unique_lock lock(mutex_);
    hurry_ = false;
    if (wake_.wait_until(lock, began + std::min(wait, kHurryMin), [this] { return stopping_; })) return;
    wake_.wait_until(lock, began + wait, [this] { return stopping_ || hurry_; });
    if (stopping_) return;
  }
}

bool Relister::relist() {
  bool good = true;
  auto resources = discover_();
  if (resources) {
    resources_ = std::move(*resources);
    resources_known_ = true;
  } else {
    good = false;
    log_warn("cannot read the API server's resources", {{"error", resources.error().message}});
  }
  good = list_series() && good;
  good = good && std::all_of(listings_.begin(), listings_.end(), [](const RuleListing& l) { return l.error.empty(); });
  if (resources_known_) publish();
  if (good) {
    last_success_.set(std::chrono::duration<double>(clock_.wall().time_since_epoch()).count());
  } else {
    failures_.add();
  }
  return good;
}

void Relister::publish() {
  const auto catalog = std::make_shared<const Catalog>(rules_, resources_, listings_);
  std::string unknown;
  for (std::size_t i = 0; i < rules_->size(); ++i) {
    for (const std::string& resource : catalog->labels(i).unknown_overrides()) {
      unknown += (unknown.empty() ? "rule " : ", rule ") + std::to_string((*rules_)[i].number) + ": " + resource;
    }
  }
  if (unknown != unknown_) {
    if (!unknown.empty()) log_warn("rules name resources that the API server does not serve", {{"resources", unknown}});
    unknown_ = unknown;
  }
  const auto count = static_cast<double>(catalog->index().size());
  if (count != metrics_known_.value()) log_info("metrics listed", {{"count", catalog->index().size()}});
  metrics_known_.set(count);
  out_.set(catalog);
}

// False where the budget was over before every rule was asked for.
bool Relister::list_series() {
  const SteadyTime deadline = clock_.steady() + kSeriesBudget;
  const WallTime start = clock_.wall() - options_.look_back;
  std::map<std::string, Result<SeriesNames>> answers;  // rules that differ only in their names share one call
  const std::size_t count = rules_->size();
  for (std::size_t asked = 0; asked < count; ++asked) {
    const std::size_t i = (first_rule_ + asked) % count;
    if (clock_.steady() > deadline) {
      first_rule_ = i;
      return false;
    }
    const std::string& query = (*rules_)[i].series_query;
    auto answer = answers.find(query);
    if (answer == answers.end()) answer = answers.emplace(query, prometheus_.series(query, start)).first;
    list_rule(i, answer->second);
  }
  first_rule_ = 0;
  return true;
}

// Logs changes only: a Prometheus that is down for a night is two lines a rule, not a thousand.
void Relister::list_rule(std::size_t rule, const Result<SeriesNames>& answer) {
  RuleListing& listing = listings_[rule];
  const int number = (*rules_)[rule].number;
  const std::string error = answer ? "" : answer.error().message;
  if (answer) listing.series = *answer;
  rule_series_[rule].set(listing.series ? static_cast<double>(listing.series->size()) : 0);
  rule_failing_[rule].set(answer ? 0 : 1);
  if (error != listing.error && answer) log_info("a rule's series can be listed again", {{"rule", number}});
  if (error != listing.error && !answer) log_warn("cannot list a rule's series", {{"rule", number}, {"error", error}});
  listing.error = error;
}

}  // namespace sluice::adapter
