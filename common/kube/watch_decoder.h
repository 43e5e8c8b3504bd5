// The lines of a watch, from the pieces in which they come. Source: apimachinery meta/v1 WatchEvent, one JSON object a
// line.
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
  /// An object of etcd has at most 1.5 MiB; managedFields and escapes make more of it.
  static constexpr std::size_t kLineBytesMax = 16u << 20;

  /// Calls `sink` for each event that is complete now. Errors: kUnavailable (too long a line, not JSON, no event of a
  /// watch); nothing is decoded after one.
  Status feed(std::string_view piece, const std::function<void(WatchEvent)>& sink);
  /// Whether the stream may end here: not inside a line.
  [[nodiscard]] bool at_line_start() const { return unfinished_.empty(); }

 private:
  std::string unfinished_;
};

}  // namespace sluice::kube
