// From an API answer's Status to an Error that callers can branch on. Source: apimachinery meta/v1 Status.
#include <algorithm>

#include "common/kube/client.h"
#include "common/kube/protobuf.h"

namespace sluice::kube {
namespace {

constexpr std::size_t kMessageBytesMax = 1024;
constexpr std::size_t kBareBodyBytesMax = 200;

ErrorCode code_of(int http_status) {
  switch (http_status) {
    case 401:
    case 403:
      return ErrorCode::kDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 410:
      return ErrorCode::kExpired;
    case 408:
    case 429:
      return ErrorCode::kUnavailable;
    default:
      return http_status >= 400 && http_status < 500 ? ErrorCode::kInvalid : ErrorCode::kUnavailable;
  }
}

/// A version from the future, as after a restored etcd: to be listed anew like one that is too old.
bool is_version_too_large(const Json& status) {
  const Json& causes = at_pointer(status, "/details/causes");
  return std::any_of(causes.begin(), causes.end(),
                     [](const Json& cause) { return text_at(cause, "/reason") == "ResourceVersionTooLarge"; });
}

/// No object where the body is no Status.
Json status_in(const http::Response& answer) {
  if (!is_protobuf(answer)) return Json::parse(answer.body, nullptr, false);
  Result<Json> status = read_protobuf_object(answer.body, {});
  return status ? std::move(*status) : Json();
}

/// What a body that is no Status says, on one line.
std::string one_line(std::string_view body) {
  std::string line(body.substr(0, kBareBodyBytesMax));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

/// `status` is the body where that is a Status.
Error error_of(int http_status, const Json& status, std::string_view body, std::string_view what) {
  Error error{code_of(http_status), std::string(what) + ": "};
  const std::string message = text_at(status, "/message").substr(0, kMessageBytesMax);
  if (!message.empty()) {
    error.message += message;
  } else {
    const std::string line = one_line(body);
    error.message += "HTTP " + std::to_string(http_status) + (line.empty() ? "" : ": " + line);
  }
  if (is_version_too_large(status)) error.code = ErrorCode::kExpired;
  if (const std::int64_t seconds = integer_at(status, "/details/retryAfterSeconds", 0); seconds > 0) {
    error.retry_after = std::min(std::chrono::seconds(seconds), http::kRetryAfterMax);
  }
  return error;
}

}  // namespace

Error error_from_status(int http_status, std::string_view body, std::string_view what) {
  return error_of(http_status, Json::parse(body, nullptr, false), body, what);
}

Error error_from_answer(const http::Response& answer, std::string_view what, WallTime now) {
  Error error = error_of(answer.status, status_in(answer), is_protobuf(answer) ? "" : answer.body, what);
  if (const auto wait = http::parse_retry_after(answer.header("retry-after"), now)) error.retry_after = wait;
  return error;
}

}  // namespace sluice::kube
