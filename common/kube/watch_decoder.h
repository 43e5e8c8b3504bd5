// The events of a watch, from the pieces in which they come. Source: apimachinery meta/v1 WatchEvent, one JSON object a
// line; or Protobuf, each frame after its length of four bytes (apimachinery util/framer).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/kube/client.h"

namespace sluice::kube {

/// Threads: one.
class WatchDecoder {
 public:
  using Sink = std::function<void(WatchEvent)>;
  /// An object of etcd has at most 1.5 MiB; managedFields and escapes make more of it.
  static constexpr std::size_t kEventBytesMax = 16u << 20;

  /// `message`: the events are Protobuf, of whose objects is read what it names; null: they are JSON.
  explicit WatchDecoder(const ProtobufMessage* message = nullptr) : message_(message) {}

  /// Calls `sink` for each event that is complete now. Errors: kUnavailable (too long an event, neither JSON nor
  /// Protobuf, no event of a watch); nothing is decoded after one.
  Status feed(std::string_view piece, const Sink& sink);
  /// Whether the stream may end here: not inside an event.
  [[nodiscard]] bool at_event_start() const { return unfinished_.empty(); }

 private:
  Status feed_lines(std::string_view piece, const Sink& sink);
  Status feed_frames(std::string_view piece, const Sink& sink);
  Status fill_frame(std::string_view& piece, const Sink& sink);
  void forget_unfinished();

  const ProtobufMessage* message_;
  std::string unfinished_;
};

}  // namespace sluice::kube
