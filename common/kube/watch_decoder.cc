#include "common/kube/watch_decoder.h"

#include <optional>

namespace sluice::kube {
namespace {

constexpr std::size_t kKeptBytesMax = 64u << 10;

std::optional<WatchEvent::Type> type_of(std::string_view text) {
  if (text == "ADDED") return WatchEvent::Type::kAdded;
  if (text == "MODIFIED") return WatchEvent::Type::kModified;
  if (text == "DELETED") return WatchEvent::Type::kDeleted;
  if (text == "BOOKMARK") return WatchEvent::Type::kBookmark;
  if (text == "ERROR") return WatchEvent::Type::kError;
  return std::nullopt;
}

Error broken(const char* what) {
  return {ErrorCode::kUnavailable, std::string("the watch sent ") + what};
}

Status decode(std::string_view line, const std::function<void(WatchEvent)>& sink) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return Status::success();
  Json event = Json::parse(line, nullptr, false);
  if (!event.is_object() || !event.contains("object") || !event["object"].is_object()) {
    return broken("a line that is no event");
  }
  const std::optional<WatchEvent::Type> type = type_of(text_at(event, "/type"));
  if (!type) return broken("an event of an unknown type");
  sink({*type, std::move(event["object"])});
  return Status::success();
}

}  // namespace

Status WatchDecoder::feed(std::string_view piece, const std::function<void(WatchEvent)>& sink) {
  for (auto end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
    if (unfinished_.size() + end > kLineBytesMax) return broken("too long a line");
    Status decoded;
    if (unfinished_.empty()) {
      decoded = decode(piece.substr(0, end), sink);  // the common case: whole lines, not copied
    } else {
      unfinished_.append(piece.substr(0, end));
      decoded = decode(unfinished_, sink);
      unfinished_.clear();
      if (unfinished_.capacity() > kKeptBytesMax) unfinished_.shrink_to_fit();
    }
    if (!decoded) return decoded;
    piece.remove_prefix(end + 1);
  }
  if (unfinished_.size() + piece.size() > kLineBytesMax) return broken("too long a line");
  unfinished_.append(piece);
  return Status::success();
}

}  // namespace sluice::kube
