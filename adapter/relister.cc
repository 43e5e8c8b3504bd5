#include "adapter/relister.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"

namespace sluice::adapter {

Relister::Relister(std::shared_ptr<const std::vector<Rule>> rules, SeriesApi& prometheus, ResourceApi& resources,
                   const Clock& clock, Options options, CatalogHolder& out, MetricsRegistry& metrics)
    : rules_(std::move(rules)),
      prometheus_(prometheus),
      clock_(clock),
      options_(options),
      out_(out),
      resources_(resources, clock, metrics),
      listings_(rules_->size()),
      to_list_(rules_->size()),
      last_success_(metrics.gauge("sluice_adapter_relist_last_success_timestamp_seconds",
                                  "When resources and all rules' series were last listed; 0 before the first time.")),
      metrics_known_(metrics.gauge("sluice_adapter_metrics", "Metrics that can be asked for.")),
      failures_(
          metrics.counter("sluice_adapter_relist_failures_total", "Relists in which something could not be read.")),
      schedule_(options.interval) {
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

void Relister::hurry(const MetricKey& key) {
  {
    const std::lock_guard lock(mutex_);
    schedule_.want(key, clock_.steady());
  }
  wake_.notify_all();
}

void Relister::run() {
  const auto found = [this](const MetricKey& key) {
    const auto catalog = out_.get();
    return catalog != nullptr && catalog->index().contains(key);
  };
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const SteadyTime now = clock_.steady();
    const auto scope = schedule_.due(now);
    if (!scope) {
      wake_.wait_for(lock, schedule_.next() - now);
      continue;
    }
    schedule_.begins(*scope);
    lock.unlock();
    const bool good = relist(*scope);
    lock.lock();
    schedule_.ended(*scope, good, found, clock_.steady());
  }
}

bool Relister::relist(RelistScope scope) {
  if (scope == RelistScope::kEverything) resources_.read_all();
  if (scope == RelistScope::kFailed) resources_.read_failed();
  if (scope != RelistScope::kFailed) to_list_.assign(rules_->size(), true);
  bool good = false;
  if (resources_.usable()) {
    // Before Prometheus is asked for the first time, which may take long: without resources we are not ready, and an
    // APIService that is not available blocks the deletion of namespaces.
    if (out_.get() == nullptr) publish();
    list_series();
    publish();
    good = resources_.good() && std::none_of(to_list_.begin(), to_list_.end(), [](bool left) { return left; });
  }
  if (good) {
    last_success_.set(std::chrono::duration<double>(clock_.wall().time_since_epoch()).count());
  } else {
    failures_.add();
  }
  return good;
}

void Relister::publish() {
  const auto catalog = std::make_shared<const Catalog>(rules_, resources_.map(), listings_);
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

// What the budget leaves out stays to be listed, and comes first the next time.
void Relister::list_series() {
  const SteadyTime deadline = clock_.steady() + kSeriesBudget;
  const WallTime start = clock_.wall() - options_.look_back;
  std::map<std::string, Result<SeriesNames>> answers;  // rules that differ only in their names share one call
  const std::size_t first = std::exchange(first_rule_, 0);
  for (std::size_t n = 0; n < rules_->size(); ++n) {
    const std::size_t i = (first + n) % rules_->size();
    if (!to_list_[i]) continue;
    if (clock_.steady() > deadline) {
      first_rule_ = i;
      return;
    }
    const std::string& query = (*rules_)[i].series_query;
    auto answer = answers.find(query);
    if (answer == answers.end()) answer = answers.emplace(query, prometheus_.series(query, start)).first;
    list_rule(i, answer->second);
    to_list_[i] = !answer->second.ok();
  }
}

// Logs changes only: a Prometheus that is down for a night is two lines a rule, not a thousand.
void Relister::list_rule(std::size_t rule, const Result<SeriesNames>& answer) {
  RuleListing& listing = listings_[rule];
  const int number = (*rules_)[rule].number;
  rule_failing_[rule].set(answer ? 0 : 1);
  if (answer) {
    if (listing.error) log_info("a rule's series can be listed again", {{"rule", number}});
    listing.series = *answer;
    listing.error.reset();
  } else {
    const Error& error = answer.error();
    const bool news = !listing.error || listing.error->message != error.message;
    if (news) log_warn("cannot list a rule's series", {{"rule", number}, {"error", error.message}});
    listing.error = error;
  }
  rule_series_[rule].set(listing.series ? static_cast<double>(listing.series->size()) : 0);
}

}  // namespace sluice::adapter
