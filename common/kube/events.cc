#include "common/kube/events.h"

#include <array>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "common/base/duration_text.h"
#include "common/base/log.h"
#include "common/kube/event_series.h"

namespace sluice::kube {
namespace {

constexpr std::size_t kQueueMax = 1024;
constexpr std::size_t kNoteBytesMax = 1024;      // events.k8s.io/v1 Event.note
constexpr std::size_t kInstanceBytesMax = 128;   // ... reportingInstance, reason, action
constexpr std::size_t kNameBytesMax = 253 - 17;  // room for "." and 16 hex digits
constexpr Duration kFlushOnExit = 2s;

std::string cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  // A multi-byte character is not cut in two: the API server refuses text that is not UTF-8.
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return std::string(text.substr(0, bytes_max));
}

}  // namespace

struct EventRecorder::Impl {
  struct Pending {
    Json event;         // without a name
    std::string alike;  // what makes two events the same
    std::string object;
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

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Pending> queue;  // guarded by mutex, as all below
  bool stopping = false;
  SteadyTime give_up{};
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
  void send(Pending pending);
};

void EventRecorder::Impl::run() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return stopping || !queue.empty(); });
    if (queue.empty() || (stopping && clock.steady() >= give_up)) return;
    Pending next = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    send(std::move(next));
    lock.lock();
  }
}

void EventRecorder::Impl::send(Pending pending) {
  const std::string ns = text_at(pending.event, "/metadata/namespace");
  const auto decision = series.decide(pending.alike, pending.object, new_name(pending.event), clock.steady());
  if (decision.kind == EventSeries::Decision::Kind::kDrop) return count(dropped_spam);
  if (decision.kind == EventSeries::Decision::Kind::kCount) {
    const Json patch = {{"series", {{"count", decision.count}, {"lastObservedTime", pending.event["eventTime"]}}}};
    const Result<Json> counted = client.patch(kEvents, ns, decision.name, PatchType::kMerge, patch);
    if (counted) return;
    series.forget(pending.alike);
    // The object may have expired; anything else is told below, by the create that fails as well.
    if (counted.error().code == ErrorCode::kNotFound) return send(std::move(pending));
    log_warn("cannot count an event", {{"event", decision.name}, {"error", counted.error().message}});
    return count(failed);
  }
  pending.event["metadata"]["name"] = decision.name;
  const Result<Json> created = client.create(kEvents, ns, pending.event);
  if (created) return;
  series.forget(pending.alike);
  log_warn("cannot record an event", {{"reason", text_at(pending.event, "/reason")},
                                      {"regarding", pending.object},
                                      {"error", created.error().message}});
  count(failed);
}

EventRecorder::EventRecorder(Client& client, const Clock& clock, Random& random, std::string component,
                             std::string instance, MetricsRegistry* metrics)
    : impl_(std::make_unique<Impl>(client, clock, random, cut(component, kInstanceBytesMax),
                                   cut(instance, kInstanceBytesMax), metrics)) {
  impl_->sender = std::thread([impl = impl_.get()] { impl->run(); });
}

EventRecorder::~EventRecorder() {
  {
    const std::lock_guard lock(impl_->mutex);
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
  std::string alike = object;
  for (const std::string_view part : {std::string_view(type_text), reason, action, note}) {
    alike += '\n';
    alike += part;
  }
  const std::lock_guard lock(impl_->mutex);
  if (impl_->stopping || impl_->queue.size() >= kQueueMax) return Impl::count(impl_->dropped_queue);
  impl_->queue.push_back({std::move(event), std::move(alike), object});
  impl_->changed.notify_all();
}

}  // namespace sluice::kube
