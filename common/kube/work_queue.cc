#include "common/kube/work_queue.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/mutex.h"

namespace sluice::kube {
namespace {

/// controller-runtime's buckets: powers of ten from 10 ns to 1,000 s.
const std::vector<double> kSecondsBuckets = {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000};

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

struct WorkQueue::Impl {
  struct Metrics {
    Counter adds;
    Histogram queue_seconds;
    Histogram work_seconds;
    Counter retries;
  };
  /// A key that waits, in `ready` or for done().
  struct Waiting {
    SteadyTime since;
    int priority = kNormalPriority;
    std::uint64_t number = 0;  ///< Of its addition, or of when its priority was raised.
    /// The highest priority first, then the one that was added first.
    [[nodiscard]] std::pair<int, std::uint64_t> place() const { return {-priority, number}; }
  };
  struct Due {
    SteadyTime at;
    int priority = kNormalPriority;
  };

  const Clock& clock;
  const Options options;
  const std::optional<Metrics> metrics;

  mutable Mutex mutex;
  Condition changed;
  Random random GUARDED_BY(mutex){0};  // the backoff of a queue has no jitter unless its options ask for it
  std::map<std::pair<int, std::uint64_t>, std::string> ready GUARDED_BY(mutex);  // each key once
  std::unordered_map<std::string, Waiting> dirty GUARDED_BY(mutex);
  std::unordered_map<std::string, SteadyTime> processing GUARDED_BY(mutex);  // got and not yet done, since when
  std::set<std::pair<SteadyTime, std::string>> due GUARDED_BY(mutex);        // add_after, earliest first
  std::unordered_map<std::string, Due> due_of GUARDED_BY(mutex);             // the same by key: one wait a key
  std::unordered_map<std::string, int> failures GUARDED_BY(mutex);
  std::map<int, int> depths GUARDED_BY(mutex){{kNormalPriority, 0}};  // keys ready, by priority
  std::uint64_t next_number GUARDED_BY(mutex) = 0;
  int gets GUARDED_BY(mutex) = 0;
  bool shutting_down GUARDED_BY(mutex) = false;

  Impl(const Clock& c, Options o, MetricsRegistry* r)
      : clock(c), options(std::move(o)), metrics(make_metrics(r, options.name)) {}

  static MetricLabels labels(const std::string& name) { return {{"controller", name}, {"name", name}}; }
  static std::optional<Metrics> make_metrics(MetricsRegistry* registry, const std::string& name) {
    if (registry == nullptr) return std::nullopt;
    const MetricLabels own = labels(name);
    return Metrics{
        registry->counter("workqueue_adds_total", "Keys added.", own),
        registry->histogram("workqueue_queue_duration_seconds", "How long a key waited.", kSecondsBuckets, own),
        registry->histogram("workqueue_work_duration_seconds", "How long a key was worked on.", kSecondsBuckets, own),
        registry->counter("workqueue_retries_total", "Keys to be added again later.", own)};
  }

  double unfinished_seconds(bool longest_only) const {
    const MutexLock lock(mutex);
    double sum = 0;
    double longest = 0;
    for (const auto& [key, since] : processing) {
      const double seconds = seconds_between(since, clock.steady());
      sum += seconds;
      longest = std::max(longest, seconds);
    }
    return longest_only ? longest : sum;
  }

  /// Only counted here: whoever scrapes holds the registry and then asks us, so we never ask the registry while we are
  /// locked.
  void change_depth(int priority, int by) REQUIRES(mutex) { depths[priority] += by; }

  std::vector<MetricSample> depth_samples() const {
    const MutexLock lock(mutex);
    std::vector<MetricSample> samples;
    for (const auto& [priority, keys] : depths) {
      MetricLabels own = labels(options.name);
      own.emplace_back("priority", std::to_string(priority));
      samples.push_back({std::move(own), static_cast<double>(keys)});
    }
    return samples;
  }

  void make_ready(const std::string& key, const Waiting& waiting) REQUIRES(mutex) {
    ready.emplace(waiting.place(), key);
    change_depth(waiting.priority, 1);
    changed.notify_one();
  }

  void raise(const std::string& key, Waiting& waiting, int priority) REQUIRES(mutex) {
    if (priority <= waiting.priority) return;
    const bool was_ready = ready.erase(waiting.place()) == 1;
    if (was_ready) change_depth(waiting.priority, -1);
    waiting.priority = priority;
    waiting.number = next_number++;
    if (was_ready) make_ready(key, waiting);
  }

  void add(const std::string& key, int priority) REQUIRES(mutex) {
    if (shutting_down) return;
    if (const auto known = dirty.find(key); known != dirty.end()) return raise(key, known->second, priority);
    const Waiting waiting{clock.steady(), priority, next_number++};
    dirty.emplace(key, waiting);
    if (metrics) metrics->adds.add();
    if (!processing.contains(key)) make_ready(key, waiting);  // else done() queues it
  }

  /// Moves what has become due to the queue.
  void release_due(SteadyTime now) REQUIRES(mutex) {
    while (!due.empty() && due.begin()->first <= now) {
      const std::string key = due.begin()->second;
      const int priority = due_of[key].priority;
      due.erase(due.begin());
      due_of.erase(key);
      add(key, priority);
    }
  }

  void add_after(const std::string& key, Duration after, int priority) REQUIRES(mutex) {
    if (shutting_down) return;
    if (after <= Duration(0)) return add(key, priority);
    if (metrics) metrics->retries.add();
    const SteadyTime at = clock.steady() + after;
    const auto [known, fresh] = due_of.emplace(key, Due{at, priority});
    known->second.priority = std::max(known->second.priority, priority);
    if (!fresh) {
      if (known->second.at <= at) return;
      due.erase({known->second.at, key});
      known->second.at = at;
    }
    const auto place = due.emplace(at, key).first;
    if (place == due.begin()) changed.notify_one();  // else whoever waits does so for an earlier one
  }

  /// The next one's place; `ready` is not empty.
  auto choose() REQUIRES(mutex) {
    gets = (gets + 1) % kFairEvery;
    auto oldest = ready.begin();
    if (gets != 0) return oldest;
    // The first of each priority has waited for longest there, unless it was raised.
    for (auto first = ready.begin(); first != ready.end(); first = ready.lower_bound({first->first.first + 1, 0})) {
      if (dirty[first->second].since < dirty[oldest->second].since) oldest = first;
    }
    return oldest;
  }
};

WorkQueue::WorkQueue(const Clock& clock, Options options, MetricsRegistry* metrics)
    : impl_(std::make_shared<Impl>(clock, std::move(options), metrics)) {
  if (metrics == nullptr) return;
  const auto collect = [weak = std::weak_ptr<Impl>(impl_)](bool longest_only) {
    const std::shared_ptr<Impl> impl = weak.lock();
    if (!impl) return std::vector<MetricSample>{};
    return std::vector<MetricSample>{{Impl::labels(impl->options.name), impl->unfinished_seconds(longest_only)}};
  };
  metrics->add_collector("workqueue_depth", "Keys that wait.", MetricType::kGauge, [weak = std::weak_ptr<Impl>(impl_)] {
    const std::shared_ptr<Impl> impl = weak.lock();
    return impl ? impl->depth_samples() : std::vector<MetricSample>{};
  });
  metrics->add_collector("workqueue_unfinished_work_seconds", "Seconds that keys under way have taken, summed.",
                         MetricType::kGauge, [collect] { return collect(false); });
  metrics->add_collector("workqueue_longest_running_processor_seconds",
                         "Seconds that the key under way for longest has taken.", MetricType::kGauge,
                         [collect] { return collect(true); });
}
WorkQueue::~WorkQueue() = default;

void WorkQueue::add(std::string_view key, int priority) {
  const MutexLock lock(impl_->mutex);
  impl_->add(std::string(key), priority);
}

void WorkQueue::add_after(std::string_view key, Duration after, int priority) {
  const MutexLock lock(impl_->mutex);
  impl_->add_after(std::string(key), after, priority);
}

Duration WorkQueue::add_rate_limited(std::string_view key_view, int priority) {
  const std::string key(key_view);
  const MutexLock lock(impl_->mutex);
  if (impl_->shutting_down) return Duration(0);
  const Duration wait = impl_->options.backoff.delay(impl_->failures[key]++, impl_->random);
  impl_->add_after(key, wait, priority);
  return wait;
}

void WorkQueue::forget(std::string_view key) {
  const MutexLock lock(impl_->mutex);
  impl_->failures.erase(std::string(key));
}

int WorkQueue::failures(std::string_view key) const {
  const MutexLock lock(impl_->mutex);
  const auto it = impl_->failures.find(std::string(key));
  return it == impl_->failures.end() ? 0 : it->second;
}

std::optional<std::string> WorkQueue::get() {
  std::optional<Item> item = get_with_priority();
  if (!item) return std::nullopt;
  return std::move(item->key);
}

std::optional<WorkQueue::Item> WorkQueue::get_with_priority() {
  Impl& impl = *impl_;
  const MutexLock lock(impl.mutex);
  for (;;) {
    impl.release_due(impl.clock.steady());
    if (!impl.ready.empty()) break;
    if (impl.shutting_down) return std::nullopt;
    if (impl.due.empty()) {
      impl.changed.wait(impl.mutex);
    } else {
      (void)impl.changed.wait_for(impl.mutex, impl.due.begin()->first - impl.clock.steady());
    }
  }
  const auto chosen = impl.choose();
  Item item{std::move(chosen->second), -chosen->first.first};
  impl.ready.erase(chosen);
  const SteadyTime now = impl.clock.steady();
  if (impl.metrics) impl.metrics->queue_seconds.observe(seconds_between(impl.dirty[item.key].since, now));
  impl.dirty.erase(item.key);
  impl.processing.emplace(item.key, now);
  impl.change_depth(item.priority, -1);
  // Of those who wait only one may have known of the next time, and that may have been us: pass it on.
  if (!impl.ready.empty() || !impl.due.empty()) impl.changed.notify_one();
  return item;
}

void WorkQueue::done(std::string_view key_view) {
  const std::string key(key_view);
  const MutexLock lock(impl_->mutex);
  const auto it = impl_->processing.find(key);
  if (it == impl_->processing.end()) return;
  if (impl_->metrics) impl_->metrics->work_seconds.observe(seconds_between(it->second, impl_->clock.steady()));
  impl_->processing.erase(it);
  if (const auto waiting = impl_->dirty.find(key); waiting != impl_->dirty.end()) {
    impl_->make_ready(key, waiting->second);
  }
}

void WorkQueue::shut_down() {
  const MutexLock lock(impl_->mutex);
  impl_->shutting_down = true;
  impl_->due.clear();
  impl_->due_of.clear();
  impl_->changed.notify_all();
}

std::size_t WorkQueue::depth() const {
  const MutexLock lock(impl_->mutex);
  return impl_->ready.size();
}

void WorkQueue::poke() {
  const MutexLock lock(impl_->mutex);
  impl_->changed.notify_all();
}

}  // namespace sluice::kube
