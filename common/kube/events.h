// Events that `kubectl describe` shows. Sent in the background; like ones are joined into a series, and so are those
// that differ in the note alone, past ten; one object may send a burst of 25 and then one in 5 minutes a source, so
// that a loop cannot flood etcd. Source: client-go tools/record, events.k8s.io/v1.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/kube/client.h"

namespace sluice::kube {

enum class EventType { kNormal, kWarning };

/// Threads: any.
class EventRecorder {
 public:
  /// `component` is reportingController ("sluice-operator"), `instance` the pod. References outlive the recorder.
  EventRecorder(Client& client, const Clock& clock, Random& random, std::string component, std::string instance,
                MetricsRegistry* metrics);
  /// Sends what is queued, for 2 s at most; a call that hangs ends 5 s after it began.
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  /// `regarding` is the object itself (kind, apiVersion and metadata are read from it). `reason` is CamelCase, `action`
  /// what was done ("Drain"), `note` a sentence, cut at 1 KiB. Where the queue (1,024) is full the event is dropped and
  /// counted.
  void record(const Json& regarding, EventType type, std::string_view reason, std::string_view action,
              std::string_view note);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::kube
