#include "common/kube/leader_election.h"

#include <optional>
#include <thread>
#include <utility>

#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/kube/lease_record.h"

namespace sluice::kube {
namespace {

constexpr double kRetryJitter = 0.2;  // a retry waits d to 1.2 d, as client-go's JitterFactor has it
constexpr Duration kReleasedDuration = 1s;

/// A call that hangs must end while there is time for another one. client-go's programs take the same half.
constexpr Duration call_timeout_of(Duration renew_deadline) {
  return renew_deadline / 2;
}
// A leader whose API server vanishes or freezes right after a renewal: the next one is begun after kRetry and fails,
// and a last one over another connection still comes in time.
static_assert(LeaderElector::kRetry + Client::kPeerLostAfter < LeaderElector::kRenewDeadline);
static_assert(LeaderElector::kRetry + call_timeout_of(LeaderElector::kRenewDeadline) < LeaderElector::kRenewDeadline);
static_assert(LeaderElector::kRenewDeadline < LeaderElector::kLease);

}  // namespace

// Two threads: `campaign` makes the calls, which may hang as long as the network likes; `watchdog` owns the deadline
// and runs the callbacks, so that a leader whose calls hang still learns in time that it leads no longer.
struct LeaderElector::Impl {
  Client& client;
  const Clock& clock;
  Random& random;
  Options options;
  std::optional<Gauge> status;

  mutable Mutex mutex;
  Condition changed;
  bool stopping GUARDED_BY(mutex) = false;
  bool poked GUARDED_BY(mutex) = false;         // the Lease has changed, or its watch has ended
  bool won GUARDED_BY(mutex) = false;           // leadership was won once
  bool lost GUARDED_BY(mutex) = false;          // ... and lost: it is never taken again by this process
  SteadyTime last_renewal GUARDED_BY(mutex){};  // when the write that succeeded last was begun
  std::string last_holder GUARDED_BY(mutex);
  bool watch_over GUARDED_BY(mutex) = true;

  LeaseObserver observer;  // campaign thread only until that has ended, as are the next two
  bool unsure = false;     // a write has failed that may have been carried out
  std::unique_ptr<http::Stream> watch;

  std::thread campaign;
  std::thread watchdog;

  Impl(Client& c, const Clock& k, Random& r, Options o, MetricsRegistry* metrics)
      : client(c), clock(k), random(r), options(std::move(o)), status(make_status(metrics, options.name)) {}

  static std::optional<Gauge> make_status(MetricsRegistry* metrics, const std::string& name) {
    if (metrics == nullptr) return std::nullopt;
    return metrics->gauge("leader_election_master_status", "1 where this process leads, else 0.", {{"name", name}});
  }
  void show_status(double leading) const {
    if (status) status->set(leading);
  }

  [[nodiscard]] bool leads(SteadyTime now) const REQUIRES(mutex) {
    return won && !lost && now < last_renewal + options.renew_deadline;
  }

  void run_campaign();
  bool read();
  bool write(SteadyTime begun);
  void renew();
  bool try_to_take();
  void lose();
  [[nodiscard]] LeaseAction decide(bool leading) const {
    return observer.decide(options.identity, leading, clock.steady());
  }
  [[nodiscard]] Duration call_timeout() const { return call_timeout_of(options.renew_deadline); }
  [[nodiscard]] bool is_stopping() const {
    const MutexLock lock(mutex);
    return stopping;
  }
  void follow_lease();
  void pause(bool leader);
  void release();

  void run_watchdog(const std::function<void()>& on_started, const std::function<void()>& on_lost);
};

/// Reads the Lease into the observer; false where the API server could not be asked.
bool LeaderElector::Impl::read() {
  Result<Json> lease = client.get(kLeases, options.ns, options.name, {}, call_timeout());
  if (!lease && lease.error().code != ErrorCode::kNotFound) {
    log_warn("cannot read the lease", {{"lease", options.name}, {"error", lease.error().message}});
    return false;
  }
  observer.see(lease ? std::optional(read_lease(std::move(*lease))) : std::nullopt, clock.steady());
  unsure = false;
  const MutexLock lock(mutex);
  last_holder = observer.record() ? observer.record()->holder : "";
  return true;
}

/// Takes or renews the Lease. `begun` is when we last knew that we may: expiry counts from before the call, not after
/// it.
bool LeaderElector::Impl::write(SteadyTime begun) {
  const Json wanted =
      write_lease(observer.record(), options.ns, options.name, options.identity, options.lease, clock.wall());
  Result<Json> written = observer.record() ? client.replace(kLeases, options.ns, wanted, {}, call_timeout())
                                           : client.create(kLeases, options.ns, wanted, {.timeout = call_timeout()});
  if (!written) {
    unsure = true;  // after a conflict, too: libcurl may have sent it twice
    if (written.error().code != ErrorCode::kConflict) {
      log_warn("cannot write the lease", {{"lease", options.name}, {"error", written.error().message}});
    }
    return false;
  }
  observer.see(read_lease(std::move(*written)), clock.steady());
  unsure = false;
  const MutexLock lock(mutex);
  last_holder = options.identity;
  last_renewal = begun;
  won = true;
  changed.notify_all();
  return true;
}

/// A candidate watches the Lease, so that it learns of a release at once instead of at its next poll.
void LeaderElector::Impl::follow_lease() {
  {
    const MutexLock lock(mutex);
    if (!watch_over || !observer.record()) return;
    watch_over = false;
  }
  const auto poke = [this](bool over) {
    const MutexLock lock(mutex);
    poked = true;
    watch_over = watch_over || over;
    changed.notify_all();
  };
  watch.reset();
  watch = client.watch(kLeases, options.ns,
                       {.field_selector = "metadata.name=" + options.name,
                        .resource_version = std::string(resource_version_of(observer.record()->object))},
                       {.on_event = [poke](const WatchEvent&) { poke(false); },
                        // An ended watch is not poked: it is begun again at the next retry, which bounds the rate.
                        .on_end =
                            [this](const Status&) {
                              const MutexLock lock(mutex);
                              watch_over = true;
                            }});
}

/// Waits for the next try: a leader for `retry`; a candidate until the Lease changes or its holder's time is over.
void LeaderElector::Impl::pause(bool leader) {
  const auto retry = Duration(static_cast<Duration::rep>(static_cast<double>(options.retry.count()) *
                                                         (1.0 + (leader ? 0.0 : kRetryJitter * random.unit()))));
  SteadyTime until = clock.steady() + retry;
  if (!leader) {
    const SteadyTime free_at = observer.free_at(clock.steady());
    if (free_at > clock.steady()) until = std::min(until, free_at);
  }
  const SteadyTime most = std::chrono::steady_clock::now() + (until - clock.steady());
  const MutexLock lock(mutex);
  while (!stopping && !lost && (leader || !poked) && clock.steady() < until && changed.wait_until(mutex, most)) {
  }
  poked = false;
}

/// The version from the last write is good unless somebody else wrote: then read, and see whose it is. Where the API
/// server is out of reach the watchdog's deadline decides.
void LeaderElector::Impl::renew() {
  if (write(clock.steady()) || is_stopping() || !read() || is_stopping()) return;
  if (decide(true) == LeaseAction::kLost) return lose();
  (void)write(clock.steady());
}

bool LeaderElector::Impl::try_to_take() {
  if (!read() || is_stopping() || decide(false) != LeaseAction::kWrite || !write(clock.steady())) return false;
  log_info("leadership won", {{"lease", options.name}, {"identity", options.identity}});
  return true;
}

void LeaderElector::Impl::lose() {
  const MutexLock lock(mutex);
  lost = true;
  changed.notify_all();
}

void LeaderElector::Impl::run_campaign() {
  for (;;) {
    bool leader = false;
    {
      const MutexLock lock(mutex);
      if (stopping || lost) break;
      leader = won;
    }
    if (leader) {
      watch.reset();
      renew();
    } else {
      leader = try_to_take();
      if (!leader) follow_lease();
    }
    pause(leader);
  }
  watch.reset();
}

void LeaderElector::Impl::run_watchdog(const std::function<void()>& on_started, const std::function<void()>& on_lost) {
  {
    const MutexLock lock(mutex);
    while (!stopping && !won) changed.wait(mutex);
    if (stopping) return;
    show_status(1);
  }
  on_started();
  {
    const MutexLock lock(mutex);
    while (!stopping && leads(clock.steady())) {
      (void)changed.wait_for(mutex, last_renewal + options.renew_deadline - clock.steady());
    }
    show_status(0);
    if (stopping) return;
    lost = true;
    changed.notify_all();
  }
  log_error("leadership lost", {{"lease", options.name}, {"identity", options.identity}});
  on_lost();
}

LeaderElector::LeaderElector(Client& client, const Clock& clock, Random& random, Options options,
                             MetricsRegistry* metrics)
    : impl_(std::make_unique<Impl>(client, clock, random, std::move(options), metrics)) {}

LeaderElector::~LeaderElector() {
  stop_and_release();
}

void LeaderElector::start(std::function<void()> on_started, std::function<void()> on_lost) {
  impl_->campaign = std::thread([impl = impl_.get()] { impl->run_campaign(); });
  impl_->watchdog = std::thread([impl = impl_.get(), on_started = std::move(on_started), on_lost = std::move(on_lost)] {
    impl->run_watchdog(on_started, on_lost);
  });
}

/// Whether the Lease is ours is decided by what it says, not by whether we lead: the last call of the campaign may just
/// have taken it. The write is conditional on what was seen, so nobody else's Lease is ever emptied.
void LeaderElector::Impl::release() {
  if (unsure && !read()) return;
  const auto& seen = observer.record();
  if (!seen || seen->holder != options.identity) return;
  const Json empty = write_lease(seen, options.ns, options.name, "", kReleasedDuration, clock.wall());
  const Result<Json> released = client.replace(kLeases, options.ns, empty, {}, call_timeout());
  if (!released) {
    log_warn("cannot release the lease; the next leader waits until it expires",
             {{"lease", options.name}, {"error", released.error().message}});
    return;
  }
  log_info("leadership released", {{"lease", options.name}});
}

void LeaderElector::stop_and_release() {
  bool first = false;
  {
    const MutexLock lock(impl_->mutex);
    first = !std::exchange(impl_->stopping, true);
    impl_->changed.notify_all();
  }
  if (impl_->watchdog.joinable()) impl_->watchdog.join();
  if (impl_->campaign.joinable()) impl_->campaign.join();
  if (first) impl_->release();
}

bool LeaderElector::leading() const {
  const MutexLock lock(impl_->mutex);
  return !impl_->stopping && impl_->leads(impl_->clock.steady());
}

std::string LeaderElector::holder() const {
  const MutexLock lock(impl_->mutex);
  return impl_->last_holder;
}

void LeaderElector::poke() {
  const MutexLock lock(impl_->mutex);
  impl_->changed.notify_all();
}

}  // namespace sluice::kube
