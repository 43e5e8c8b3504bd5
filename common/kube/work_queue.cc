#include "common/kube/work_queue.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>
#include <vector>

namespace sluice::kube {
namespace {

/// client-go's buckets: powers of ten from 10 ns to 10 s.
const std::vector<double> kSecondsBuckets = {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10};

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

struct WorkQueue::Impl {
  struct Metrics {
    Gauge depth;
    Counter adds;
    Histogram queue_seconds;
    Histogram work_seconds;
    Counter retries;
  };

  const Clock& clock;
  Options options;
  Random random{0};  // the backoff of a queue has no jitter unless its options ask for it
  std::optional<Metrics> metrics;

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> ready;                           // each key once; guarded by mutex, as all below
  std::unordered_map<std::string, SteadyTime> dirty;       // waiting (in `ready`, or for done()), since when
  std::unordered_map<std::string, SteadyTime> processing;  // got and not yet done, since when
  std::set<std::pair<SteadyTime, std::string>> due;        // add_after, earliest first
  std::unordered_map<std::string, SteadyTime> due_of;      // the same by key: one wait a key
  std::unordered_map<std::string, int> failures;
  bool shutting_down = false;

  Impl(const Clock& c, Options o, MetricsRegistry* registry) : clock(c), options(std::move(o)) {
    if (registry == nullptr) return;
    const MetricLabels name = {{"name", options.name}};
    metrics = Metrics{
        registry->gauge("workqueue_depth", "Keys that wait.", name),
        registry->counter("workqueue_adds_total", "Keys added.", name),
        registry->histogram("workqueue_queue_duration_seconds", "How long a key waited.", kSecondsBuckets, name),
        registry->histogram("workqueue_work_duration_seconds", "How long a key was worked on.", kSecondsBuckets, name),
        registry->counter("workqueue_retries_total", "Keys added again after a failure.", name)};
  }

  double unfinished_seconds(bool longest_only) const {
    const std::lock_guard lock(mutex);
    double sum = 0;
    double longest = 0;
    for (const auto& [key, since] : processing) {
      const double seconds = seconds_between(since, clock.steady());
      sum += seconds;
      longest = std::max(longest, seconds);
    }
    return longest_only ? longest : sum;
  }

  void show_depth() const {
    if (metrics) metrics->depth.set(static_cast<double>(ready.size()));
  }

  /// The mutex is held.
  void add(const std::string& key) {
    if (shutting_down || !dirty.emplace(key, clock.steady()).second) return;
    if (metrics) metrics->adds.add();
    if (processing.contains(key)) return;  // done() queues it
    ready.push_back(key);
    show_depth();
    changed.notify_one();
  }

  /// Moves what has become due to the queue; the mutex is held.
  void release_due(SteadyTime now) {
    while (!due.empty() && due.begin()->first <= now) {
      const std::string key = due.begin()->second;
      due.erase(due.begin());
      due_of.erase(key);
      add(key);
    }
  }

  void add_after(const std::string& key, Duration after) {
    const std::lock_guard lock(mutex);
    if (shutting_down) return;
    if (after <= Duration(0)) return add(key);
    const SteadyTime at = clock.steady() + after;
    if (const auto [it, fresh] = due_of.emplace(key, at); !fresh) {
      if (it->second <= at) return;
      due.erase({it->second, key});
      it->second = at;
    }
    due.emplace(at, key);
    changed.notify_one();
  }
};

WorkQueue::WorkQueue(const Clock& clock, Options options, MetricsRegistry* metrics)
    : impl_(std::make_shared<Impl>(clock, std::move(options), metrics)) {
  if (metrics == nullptr) return;
  const auto collect = [weak = std::weak_ptr<Impl>(impl_)](bool longest_only) {
    const std::shared_ptr<Impl> impl = weak.lock();
    if (!impl) return std::vector<MetricSample>{};
    return std::vector<MetricSample>{{{{"name", impl->options.name}}, impl->unfinished_seconds(longest_only)}};
  };
  metrics->add_collector("workqueue_unfinished_work_seconds", "Seconds that keys under way have taken, summed.",
                         MetricType::kGauge, [collect] { return collect(false); });
  metrics->add_collector("workqueue_longest_running_processor_seconds",
                         "Seconds that the key under way for longest has taken.", MetricType::kGauge,
                         [collect] { return collect(true); });
}
WorkQueue::~WorkQueue() = default;

void WorkQueue::add(std::string_view key) {
  const std::lock_guard lock(impl_->mutex);
  impl_->add(std::string(key));
}

void WorkQueue::add_after(std::string_view key, Duration after) {
  impl_->add_after(std::string(key), after);
}

void WorkQueue::add_rate_limited(std::string_view key) {
  Duration wait{0};
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->shutting_down) return;
    wait = impl_->options.backoff.delay(impl_->failures[std::string(key)]++, impl_->random);
    if (impl_->metrics) impl_->metrics->retries.add();
  }
  impl_->add_after(std::string(key), wait);
}

void WorkQueue::forget(std::string_view key) {
  const std::lock_guard lock(impl_->mutex);
  impl_->failures.erase(std::string(key));
}

int WorkQueue::failures(std::string_view key) const {
  const std::lock_guard lock(impl_->mutex);
  const auto it = impl_->failures.find(std::string(key));
  return it == impl_->failures.end() ? 0 : it->second;
}

std::optional<std::string> WorkQueue::get() {
  std::unique_lock lock(impl_->mutex);
  for (;;) {
    impl_->release_due(impl_->clock.steady());
    if (!impl_->ready.empty()) break;
    if (impl_->shutting_down) return std::nullopt;
    if (impl_->due.empty()) {
      impl_->changed.wait(lock);
    } else {
      impl_->changed.wait_for(lock, impl_->due.begin()->first - impl_->clock.steady());
    }
  }
  std::string key = std::move(impl_->ready.front());
  impl_->ready.pop_front();
  const SteadyTime now = impl_->clock.steady();
  if (impl_->metrics) impl_->metrics->queue_seconds.observe(seconds_between(impl_->dirty[key], now));
  impl_->dirty.erase(key);
  impl_->processing.emplace(key, now);
  impl_->show_depth();
  // Of those who wait only one may have known of the next time, and that may have been us: pass it on.
  if (!impl_->ready.empty() || !impl_->due.empty()) impl_->changed.notify_one();
  return key;
}

void WorkQueue::done(std::string_view key_view) {
  const std::string key(key_view);
  const std::lock_guard lock(impl_->mutex);
  const auto it = impl_->processing.find(key);
  if (it == impl_->processing.end()) return;
  if (impl_->metrics) impl_->metrics->work_seconds.observe(seconds_between(it->second, impl_->clock.steady()));
  impl_->processing.erase(it);
  if (!impl_->dirty.contains(key)) return;
  impl_->ready.push_back(key);
  impl_->show_depth();
  impl_->changed.notify_one();
}

void WorkQueue::shut_down() {
  const std::lock_guard lock(impl_->mutex);
  impl_->shutting_down = true;
  impl_->due.clear();
  impl_->due_of.clear();
  impl_->changed.notify_all();
}

std::size_t WorkQueue::depth() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->ready.size();
}

void WorkQueue::poke() {
  const std::lock_guard lock(impl_->mutex);
  impl_->changed.notify_all();
}

}  // namespace sluice::kube
