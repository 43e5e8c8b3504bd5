#include "common/kube/informer.h"

#include <malloc.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/kube/reflector_plan.h"
#include "common/kube/store.h"
#include "common/kube/watch_feed.h"

namespace sluice::kube {
namespace {

/// All objects are shown to the handlers again, from the cache alone, so that a lost wake-up heals. client-go's
/// default.
constexpr Duration kResync{std::chrono::hours(10)};
constexpr double kResyncJitter = 0.1;

using Kind = ReflectorStep::Kind;

std::vector<Object> objects_of(const std::vector<Held>& held) {
  std::vector<Object> out;
  out.reserve(held.size());
  for (const Held& one : held) {
    if (one.object()) out.push_back(one.object());
  }
  return out;
}

std::vector<Informer::DigestPtr> digests_of(const std::vector<Held>& held) {
  std::vector<Informer::DigestPtr> out;
  out.reserve(held.size());
  for (const Held& one : held) {
    if (one.digest()) out.push_back(one.digest());
  }
  return out;
}

}  // namespace

struct Informer::Impl {
  Client& client;
  const Clock& clock;
  Random& random;
  const Resource resource;
  const Options options;
  std::optional<Counter> lists;
  std::optional<Counter> watches;
  std::optional<Counter> failures;
  std::optional<Gauge> objects;
  std::vector<OriginHandler> handlers;  // not changed after start()
  std::vector<DigestHandler> digest_handlers;
  std::thread thread;

  const StoreOptions store_options;
  // The cache, which any thread reads and the informer's thread writes.
  mutable SharedMutex cache_mutex;
  Store store GUARDED_BY(cache_mutex);
  std::string version GUARDED_BY(cache_mutex);
  SteadyTime last_contact GUARDED_BY(cache_mutex){};

  mutable Mutex mutex;
  Condition changed;
  bool stopping GUARDED_BY(mutex) = false;
  bool synced GUARDED_BY(mutex) = false;
  WatchFeed feed;

  // Of the informer's thread alone.
  ReflectorPlan plan;
  SteadyTime next_resync{};
  bool told_first_list = false;

  Impl(Client& c, const Clock& k, Random& r, Resource what, Options o, MetricsRegistry* metrics)
      : client(c),
        clock(k),
        random(r),
        resource(std::move(what)),
        options(std::move(o)),
        store_options({.index = options.index, .digest = options.digest}),
        store(store_options) {
    if (metrics == nullptr) return;
    const MetricLabels name{{"name", resource.plural}};
    lists = metrics->counter("reflector_lists_total", "States read as a whole, by list or by WatchList.", name);
    watches = metrics->counter("reflector_watches_total", "Watches begun.", name);
    failures = metrics->counter("reflector_failures_total", "Lists and watches that failed.", name);
    objects = metrics->gauge("reflector_objects", "Objects in the cache.", name);
  }

  void run();
  Status run_list(const ReflectorStep& step);
  Status run_watch(const ReflectorStep& step, bool& had_events);
  Status take_in(Arrival event, std::optional<Store>& state);
  void take_state(Store state, const std::string& resource_version);
  void tell(const Change& change, Origin origin) const;
  void show_size() const;
  [[nodiscard]] Store empty_store() const {
    const ReadLock lock(cache_mutex);
    return store.like();
  }
  void resync();
  void schedule_resync();
  void shrink(Json& object) const;
  void report(const ReflectorStep& step, const Status& status, Duration wait) const;
  void pause(Duration wait);
  bool is_stopping() const {
    const MutexLock lock(mutex);
    return stopping;
  }
};

void Informer::Impl::run() {
  schedule_resync();
  while (!is_stopping()) {
    const ReflectorStep step = plan.next();
    const SteadyTime begun = clock.steady();
    bool had_events = false;
    const Status status = step.kind == Kind::kList ? run_list(step) : run_watch(step, had_events);
    if (is_stopping()) return;
    if (step.kind == Kind::kList && status.ok()) continue;  // and now watch
    const auto lived = std::chrono::duration_cast<Duration>(clock.steady() - begun);
    const Duration wait = plan.ended({step.kind, status, lived, had_events}, clock.steady(), random);
    report(step, status, wait);
    pause(wait);
  }
}

Status Informer::Impl::run_list(const ReflectorStep& step) {
  Store state = empty_store();
  const auto take = [&](Json object) {
    if (!object.is_object()) return;
    // A watch says them of each object, a list only of itself; a transform and the handlers see the same of both.
    object["apiVersion"] = resource.api_version();
    object["kind"] = resource.kind;
    shrink(object);
    state.add(std::move(object));
  };
  const Result<Json> list = client.list_each(resource, options.ns,
                                             {.label_selector = options.label_selector,
                                              .field_selector = options.field_selector,
                                              .resource_version = step.resource_version},
                                             {.on_object = take, .on_restart = [&] { state = empty_store(); }});
  if (!list) return list.error();
  take_state(std::move(state), std::string(resource_version_of(*list)));
  return Status::success();
}

Status Informer::Impl::run_watch(const ReflectorStep& step, bool& had_events) {
  const bool sends_state = step.kind == Kind::kWatchList;
  feed.begin(sends_state);
  if (watches) watches->add();
  // Destroyed before this returns: after it no callback runs, so what they touch belongs to one watch at a time.
  const std::unique_ptr<http::Stream> stream = client.watch(
      resource, options.ns,
      {.label_selector = options.label_selector,
       .field_selector = options.field_selector,
       .resource_version = step.resource_version,
       .timeout = watch_timeout(random),
       .send_initial_events = sends_state},
      {.on_event =
           [this](WatchEvent event) {
             // A bookmark is no object, only a version.
             const bool is_object = event.type != WatchEvent::Type::kBookmark && event.type != WatchEvent::Type::kError;
             if (is_object) shrink(event.object);
             feed.push(arrival_of(std::move(event), store_options));
           },
       .on_end = [this](Status status) { feed.end(std::move(status)); }});
  std::optional<Store> state;  // where it is sent: what has come of it so far
  if (sends_state) state.emplace(empty_store());
  for (;;) {
    const auto until_resync = std::chrono::ceil<Duration>(next_resync - clock.steady());
    WatchFeed::Batch batch = feed.take(std::max(until_resync, Duration(0)));
    had_events = had_events || !batch.events.empty();
    for (Arrival& event : batch.events) {
      if (Status taken = take_in(std::move(event), state); !taken) return taken;
    }
    if (batch.end) return std::move(*batch.end);
    if (is_stopping()) return Status::success();
    if (clock.steady() >= next_resync) resync();
  }
}

Status Informer::Impl::take_in(Arrival event, std::optional<Store>& state) {
  if (event.type == WatchEvent::Type::kError) {
    const auto code = static_cast<int>(integer_at(event.error, "/code", 500));
    return error_from_status(code, event.error.dump(-1, ' ', false, Json::error_handler_t::replace),
                             "watch " + resource.plural);
  }
  std::string resource_version = event.version;
  if (state && event.ends_state) {
    take_state(std::move(*state), resource_version);
    state.reset();
    return Status::success();
  }
  if (state) {
    (void)state->take_in(std::move(event));
    return Status::success();
  }
  std::vector<Change> changes;
  {
    const WriteLock lock(cache_mutex);
    changes = store.take_in(std::move(event));
    if (!resource_version.empty()) version = resource_version;
    last_contact = clock.steady();
  }
  plan.saw(std::move(resource_version));
  if (!changes.empty()) show_size();
  for (const Change& change : changes) tell(change, Origin::kChange);
  return Status::success();
}

void Informer::Impl::take_state(Store state, const std::string& resource_version) {
  std::vector<Change> changes;
  {
    const WriteLock lock(cache_mutex);
    changes = store.replace(std::move(state));
    version = resource_version;
    last_contact = clock.steady();
  }
  plan.listed(resource_version);
  if (lists) lists->add();
  show_size();
  const Origin origin = std::exchange(told_first_list, true) ? Origin::kRelist : Origin::kFirstList;
  for (const Change& change : changes) tell(change, origin);
  // What a state was decoded from is garbage in pieces: the allocator would keep it until the next list, hours later.
  changes.clear();
  ::malloc_trim(0);
  const MutexLock lock(mutex);
  synced = true;
  changed.notify_all();
}

void Informer::Impl::tell(const Change& change, Origin origin) const {
  if (options.digest) {
    for (const DigestHandler& handler : digest_handlers) handler(change.before.digest(), change.after.digest(), origin);
  } else {
    for (const OriginHandler& handler : handlers) handler(change.before.object(), change.after.object(), origin);
  }
}

void Informer::Impl::show_size() const {
  if (!objects) return;
  const ReadLock lock(cache_mutex);
  objects->set(static_cast<double>(store.size()));
}

void Informer::Impl::resync() {
  std::vector<Held> all;
  {
    const ReadLock lock(cache_mutex);
    all = store.held();
  }
  for (const Held& held : all) tell({held, held}, Origin::kResync);
  schedule_resync();
}

void Informer::Impl::schedule_resync() {
  const double factor = 1.0 + kResyncJitter * (2.0 * random.unit() - 1.0);
  next_resync = clock.steady() + Duration(static_cast<Duration::rep>(factor * static_cast<double>(kResync.count())));
}

void Informer::Impl::shrink(Json& object) const {
  if (const auto metadata = object.find("metadata"); metadata != object.end() && metadata->is_object()) {
    metadata->erase("managedFields");
  }
  if (options.transform) options.transform(object);
}

void Informer::Impl::report(const ReflectorStep& step, const Status& status, Duration wait) const {
  if (status.ok()) return;
  if (failures) failures->add();
  const char* what = step.kind == Kind::kList ? "list" : "watch";
  log_warn("reading the API server failed, going on",
           {{"resource", resource.plural}, {"call", what}, {"error", status.error().message}, {"wait", wait}});
}

void Informer::Impl::pause(Duration wait) {
  const SteadyTime until = std::chrono::steady_clock::now() + wait;
  const MutexLock lock(mutex);
  while (!stopping && changed.wait_until(mutex, until)) {
  }
}

Informer::Informer(Client& client, const Clock& clock, Random& random, Resource resource, Options options,
                   MetricsRegistry* metrics)
    : impl_(std::make_unique<Impl>(client, clock, random, std::move(resource), std::move(options), metrics)) {}

Informer::~Informer() {
  stop();
}

void Informer::add_handler(Handler handler) {
  impl_->handlers.emplace_back(
      [handler = std::move(handler)](const Object& before, const Object& after, Origin) { handler(before, after); });
}

void Informer::add_handler(OriginHandler handler) {
  impl_->handlers.push_back(std::move(handler));
}

void Informer::add_digest_handler(DigestHandler handler) {
  impl_->digest_handlers.push_back(std::move(handler));
}

void Informer::start() {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

void Informer::stop() {
  {
    const MutexLock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  impl_->feed.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

bool Informer::wait_synced(Duration at_most) {
  const SteadyTime until = std::chrono::steady_clock::now() + at_most;
  const MutexLock lock(impl_->mutex);
  while (!impl_->synced && !impl_->stopping && impl_->changed.wait_until(impl_->mutex, until)) {
  }
  return impl_->synced;
}

bool Informer::synced() const {
  const MutexLock lock(impl_->mutex);
  return impl_->synced;
}

Object Informer::get(std::string_view key) const {
  const ReadLock lock(impl_->cache_mutex);
  return impl_->store.held(key).object();
}

std::vector<Object> Informer::list() const {
  const ReadLock lock(impl_->cache_mutex);
  return objects_of(impl_->store.held());
}

std::vector<Object> Informer::list_namespace(std::string_view ns) const {
  const ReadLock lock(impl_->cache_mutex);
  return objects_of(impl_->store.held_namespace(ns));
}

std::vector<Object> Informer::list_indexed(std::string_view value) const {
  const ReadLock lock(impl_->cache_mutex);
  return objects_of(impl_->store.held_indexed(value));
}

Informer::DigestPtr Informer::digest(std::string_view key) const {
  const ReadLock lock(impl_->cache_mutex);
  return impl_->store.held(key).digest();
}

std::vector<Informer::DigestPtr> Informer::digests() const {
  const ReadLock lock(impl_->cache_mutex);
  return digests_of(impl_->store.held());
}

std::vector<Informer::DigestPtr> Informer::digests_indexed(std::string_view value) const {
  const ReadLock lock(impl_->cache_mutex);
  return impl_->store.digests_indexed(value);
}

std::size_t Informer::size() const {
  const ReadLock lock(impl_->cache_mutex);
  return impl_->store.size();
}

std::string Informer::resource_version() const {
  const ReadLock lock(impl_->cache_mutex);
  return impl_->version;
}

SteadyTime Informer::last_contact() const {
  const ReadLock lock(impl_->cache_mutex);
  return impl_->last_contact;
}

}  // namespace sluice::kube
