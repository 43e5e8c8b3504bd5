#include "common/kube/watch_decoder.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "common/kube/protobuf.h"

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

Status hand_out(Json event, const WatchDecoder::Sink& sink) {
  if (!event.is_object() || !event.contains("object") || !event["object"].is_object()) {
    return broken("what is no event");
  }
  const std::optional<WatchEvent::Type> type = type_of(text_at(event, "/type"));
  if (!type) return broken("an event of an unknown type");
  sink({*type, std::move(event["object"])});
  return Status::success();
}

Status decode_line(std::string_view line, const WatchDecoder::Sink& sink) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return Status::success();
  return hand_out(Json::parse(line, nullptr, false), sink);
}

Status decode_frame(std::string_view frame, const ProtobufMessage& message, const WatchDecoder::Sink& sink) {
  Result<Json> event = read_protobuf_event(frame, message);
  if (!event) return event.error();
  return hand_out(std::move(*event), sink);
}

constexpr std::size_t kLengthBytes = 4;

/// Length and frame together, as far as the length is here: most significant byte first.
std::size_t frame_bytes(std::string_view begun) {
  if (begun.size() < kLengthBytes) return kLengthBytes;
  std::size_t length = 0;
  for (const char byte : begun.substr(0, kLengthBytes)) length = length << 8 | static_cast<std::uint8_t>(byte);
  return kLengthBytes + length;
}

}  // namespace

Status WatchDecoder::feed(std::string_view piece, const Sink& sink) {
  return message_ != nullptr ? feed_frames(piece, sink) : feed_lines(piece, sink);
}

Status WatchDecoder::feed_lines(std::string_view piece, const Sink& sink) {
  for (auto end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
    if (unfinished_.size() + end > kEventBytesMax) return broken("too long a line");
    Status decoded;
    if (unfinished_.empty()) {
      decoded = decode_line(piece.substr(0, end), sink);  // the common case: whole lines, not copied
    } else {
      unfinished_.append(piece.substr(0, end));
      decoded = decode_line(unfinished_, sink);
      forget_unfinished();
    }
    if (!decoded) return decoded;
    piece.remove_prefix(end + 1);
  }
  if (unfinished_.size() + piece.size() > kEventBytesMax) return broken("too long a line");
  unfinished_.append(piece);
  return Status::success();
}

Status WatchDecoder::feed_frames(std::string_view piece, const Sink& sink) {
  while (!piece.empty()) {
    const std::size_t whole = frame_bytes(piece);
    if (!unfinished_.empty() || piece.size() < whole || whole == kLengthBytes) {
      if (Status filled = fill_frame(piece, sink); !filled) return filled;
      continue;
    }
    if (whole > kEventBytesMax) return broken("too long a frame");
    // The common case: whole frames, not copied.
    if (Status decoded = decode_frame(piece.substr(kLengthBytes, whole - kLengthBytes), *message_, sink); !decoded) {
      return decoded;
    }
    piece.remove_prefix(whole);
  }
  return Status::success();
}

/// Takes from `piece` what the frame that is begun lacks, its length first.
Status WatchDecoder::fill_frame(std::string_view& piece, const Sink& sink) {
  const auto fill = [&](std::size_t up_to) {
    const std::string_view taken = piece.substr(0, up_to - unfinished_.size());
    unfinished_.append(taken);
    piece.remove_prefix(taken.size());
    return unfinished_.size() == up_to;
  };
  if (unfinished_.size() < kLengthBytes && !fill(kLengthBytes)) return Status::success();
  const std::size_t whole = frame_bytes(unfinished_);
  if (whole > kEventBytesMax) return broken("too long a frame");
  if (!fill(whole)) return Status::success();
  Status decoded = decode_frame(std::string_view(unfinished_).substr(kLengthBytes), *message_, sink);
  forget_unfinished();
  return decoded;
}

void WatchDecoder::forget_unfinished() {
  unfinished_.clear();
  if (unfinished_.capacity() > kKeptBytesMax) unfinished_.shrink_to_fit();
}

}  // namespace sluice::kube
