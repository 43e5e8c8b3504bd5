#include "common/kube/events.h"

#include <array>
#include <cstdio>
#include <deque>
#include <optional>
#include <thread>

#include "common/base/backoff.h"
#include "common/base/duration_text.h"
#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/kube/event_series.h"

namespace sluice::kube {
namespace {

constexpr std::size_t kQueueMax = 1024;
constexpr std::size_t kNoteBytesMax = 1024;      // events.k8s.io/v1 Event.note
constexpr std::size_t kInstanceBytesMax = 128;   // ... reportingInstance, reason, action
constexpr std::size_t kNameBytesMax = 253 - 17;  // room for "." and 16 hex digits
constexpr Duration kFlushOnExit = 2s;
constexpr Duration kCallTimeout = 5s;
constexpr int kTriesMax = 12;  // client-go's maxTriesPerEvent
constexpr Backoff kBackoff{.first = Duration(1'000), .most = Duration(10'000), .factor = 2.0, .jitter = 0.5};
constexpr const char* kCombinedPrefix = "(combined from similar events): ";  // client-go's words

std::string cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  // A multi-byte character is not cut in two: the API server refuses text that is not UTF-8.
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return std::string(text.substr(0, bytes_max));
}

}  // namespace

struct EventRecorder::Impl {
  struct Pending {
    Json event;  // without a name
    EventKeys keys;
  };

  Client& client;
  const Clock& clock;
  Random& random;
  std::string component;
  std::string instance;
  std::optional<Counter> dropped_queue;
  std::optional<Counter> dropped_spam;
  std::optional<Counter> failed;

  EventSeries series;  // sender thread only

  Mutex mutex;
  Condition changed;
  std::deque<Pending> queue GUARDED_BY(mutex);
  bool stopping GUARDED_BY(mutex) = false;
  SteadyTime give_up GUARDED_BY(mutex){};
  std::thread sender;

  Impl(Client& c, const Clock& k, Random& r, std::string component_name, std::string instance_name,
       MetricsRegistry* metrics)
      : client(c), clock(k), random(r), component(std::move(component_name)), instance(std::move(instance_name)) {
    if (metrics == nullptr) return;
    const auto counter = [&](const char* reason) {
      return metrics->counter("sluice_events_lost_total", "Events that could not be recorded.", {{"reason", reason}});
    };
    dropped_queue = counter("queue full");
    dropped_spam = counter("too many for one object");
    failed = counter("refused");
  }

  static void count(const std::optional<Counter>& counter) {
    if (counter) counter->add();
  }

  std::string new_name(const Json& event) {
    std::array<char, 20> suffix{};
    std::snprintf(suffix.data(), suffix.size(), ".%016llx",
                  static_cast<unsigned long long>(random.below(~std::uint64_t{0})));
    return cut(text_at(event, "/regarding/name"), kNameBytesMax) + suffix.data();
  }

  void run();
  std::optional<Pending> next();
  void send(Pending& pending);
  Status deliver(const EventSeries::Decision& decision, Json& event);
  bool pause(int attempt);
};

/// The next one to send; nothing once the sender is to end.
std::optional<EventRecorder::Impl::Pending> EventRecorder::Impl::next() {
  const MutexLock lock(mutex);
  while (!stopping && queue.empty()) changed.wait(mutex);
  if (queue.empty() || (stopping && clock.steady() >= give_up)) return std::nullopt;
  Pending first = std::move(queue.front());
  queue.pop_front();
  return first;
}

void EventRecorder::Impl::run() {
  while (std::optional<Pending> pending = next()) send(*pending);
}

/// Sends one event, again and again while the API server is out of reach.
void EventRecorder::Impl::send(Pending& pending) {
  auto decision = series.decide(pending.keys, new_name(pending.event), clock.steady());
  for (int attempt = 0;;) {
    if (decision.kind == EventSeries::Decision::Kind::kDrop) return count(dropped_spam);
    const Status sent = deliver(decision, pending.event);
    if (sent) return;
    const bool counting = decision.kind == EventSeries::Decision::Kind::kCount;
    if (counting && sent.error().code == ErrorCode::kNotFound) {
      // The series' object has expired: this event begins a new one.
      series.forget(decision.series);
      decision = series.decide(pending.keys, new_name(pending.event), clock.steady());
      continue;
    }
    if (sent.error().code == ErrorCode::kUnavailable && ++attempt < kTriesMax && pause(attempt)) continue;
    series.forget(decision.series);
    log_warn("cannot record an event", {{"reason", text_at(pending.event, "/reason")},
                                        {"regarding", pending.keys.object},
                                        {"error", sent.error().message}});
    return count(failed);
  }
}

Status EventRecorder::Impl::deliver(const EventSeries::Decision& decision, Json& event) {
  const std::string ns = text_at(event, "/metadata/namespace");
  if (decision.kind == EventSeries::Decision::Kind::kCount) {
    const Json patch = {{"series", {{"count", decision.count}, {"lastObservedTime", event["eventTime"]}}}};
    const Result<Json> counted =
        client.patch(kEvents, ns, decision.name, PatchType::kMerge, patch, {.timeout = kCallTimeout});
    return counted ? Status::success() : Status(counted.error());
  }
  event["metadata"]["name"] = decision.name;
  const std::string note = text_at(event, "/note");
  if (decision.combined && !note.starts_with(kCombinedPrefix))
    event["note"] = cut(kCombinedPrefix + note, kNoteBytesMax);
  const Result<Json> created = client.create(kEvents, ns, event, {.timeout = kCallTimeout});
  // A conflict is our own earlier try, whose answer was lost: the name is ours alone.
  if (created || created.error().code == ErrorCode::kConflict) return Status::success();
  return created.error();
}

/// Waits before the next try; false where the recorder ends, and with it what cannot be sent.
bool EventRecorder::Impl::pause(int attempt) {
  const SteadyTime until = std::chrono::steady_clock::now() + kBackoff.delay(attempt - 1, random);
  const MutexLock lock(mutex);
  while (!stopping && changed.wait_until(mutex, until)) {
  }
  return !stopping;
}

// NOLINTBEGIN(performance-unnecessary-value-param): the seam's signature
EventRecorder::EventRecorder(Client& client, const Clock& clock, Random& random, std::string component,
                             std::string instance, MetricsRegistry* metrics)
    : impl_(std::make_unique<Impl>(client, clock, random, cut(component, kInstanceBytesMax),
                                   cut(instance, kInstanceBytesMax), metrics)) {
  // NOLINTEND(performance-unnecessary-value-param)
  impl_->sender = std::thread([impl = impl_.get()] { impl->run(); });
}

EventRecorder::~EventRecorder() {
  {
    const MutexLock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->give_up = impl_->clock.steady() + kFlushOnExit;
    impl_->changed.notify_all();
  }
  impl_->sender.join();
}

void EventRecorder::record(const Json& regarding, EventType type, std::string_view reason, std::string_view action,
                           std::string_view note) {
  const std::string ns = namespace_of(regarding).empty() ? "default" : std::string(namespace_of(regarding));
  const char* type_text = type == EventType::kWarning ? "Warning" : "Normal";
  Json event = {{"apiVersion", kEvents.api_version()},
                {"kind", kEvents.kind},
                {"metadata", {{"namespace", ns}}},
                {"eventTime", format_rfc3339_micro(impl_->clock.wall())},
                {"reportingController", impl_->component},
                {"reportingInstance", impl_->instance},
                {"action", cut(action, kInstanceBytesMax)},
                {"reason", cut(reason, kInstanceBytesMax)},
                {"type", type_text},
                {"note", cut(note, kNoteBytesMax)},
                {"regarding",
                 {{"apiVersion", text_at(regarding, "/apiVersion")},
                  {"kind", text_at(regarding, "/kind")},
                  {"namespace", namespace_of(regarding)},
                  {"name", name_of(regarding)},
                  {"uid", uid_of(regarding)},
                  {"resourceVersion", resource_version_of(regarding)}}}};
  const std::string object =
      text_at(regarding, "/kind") + " " + key_of(regarding) + " " + std::string(uid_of(regarding));
  EventKeys keys{.alike = {}, .similar = object, .object = object};
  for (const std::string_view part : {std::string_view(type_text), reason, action}) {
    keys.similar += '\n';
    keys.similar += part;
  }
  keys.alike = keys.similar + '\n' + std::string(note);
  const MutexLock lock(impl_->mutex);
  if (impl_->stopping || impl_->queue.size() >= kQueueMax) return Impl::count(impl_->dropped_queue);
  impl_->queue.push_back({std::move(event), std::move(keys)});
  impl_->changed.notify_all();
}

}  // namespace sluice::kube
