#include "cli/error_text.h"

#include <string_view>

namespace sluice::cli {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// common/kube puts "GET /apis/...: " before the server's sentence, and common/http "GET https://...: " before what a
/// transfer met.
struct Parts {
  std::string called;  ///< Path or URL; empty where no call is named.
  std::string sentence;
};

Parts split(const std::string& message) {
  for (const std::string_view verb : {"GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "watch "}) {
    const auto at = message.find(verb);
    if (at == std::string::npos) continue;
    const auto begin = at + verb.size();
    const bool is_call = message.compare(begin, 1, "/") == 0 || message.compare(begin, 4, "http") == 0;
    const auto end = message.find(": ", begin);
    if (!is_call || end == std::string::npos) continue;
    return {message.substr(begin, end - begin), message.substr(end + 2)};
  }
  return {"", message};
}

std::string host_of(const std::string& url) {
  const auto scheme = url.find("://");
  const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
  return url.substr(begin, url.find('/', begin) - begin);
}

/// 'RealtimeGateway.sluice.dev "edge" is invalid: ...' -> 'The RealtimeGateway "edge" is invalid: ...'.
std::string invalid_text(const std::string& sentence) {
  const auto dot = sentence.find('.');
  const auto blank = sentence.find(' ');
  if (dot == std::string::npos || blank == std::string::npos || dot > blank) return "The " + sentence;
  return "The " + sentence.substr(0, dot) + sentence.substr(blank);
}

std::string from_server(const char* reason, const std::string& sentence) {
  return std::string("Error from server") + (reason[0] == '\0' ? "" : std::string(" (") + reason + ")") + ": " +
         sentence;
}

std::string unreachable(const Parts& parts) {
  if (parts.called.front() == '/') return from_server("", parts.sentence);
  if (contains(parts.sentence, "onnection refused") || contains(parts.sentence, "ouldn't connect") ||
      contains(parts.sentence, "ould not connect") || contains(parts.sentence, "ailed to connect")) {
    return "The connection to the server " + host_of(parts.called) +
           " was refused - did you specify the right host or port?";
  }
  return "Unable to connect to the server: " + parts.sentence;
}

}  // namespace

std::string error_text(const Error& error) {
  const Parts parts = split(error.message);
  if (parts.called.empty()) return "error: " + error.message;
  switch (error.code) {
    case ErrorCode::kNotFound:
      if (contains(parts.sentence, "could not find the requested resource")) {
        return "error: the server doesn't have a resource type \"realtimegateways\"";
      }
      return from_server("NotFound", parts.sentence);
    case ErrorCode::kConflict:
      return from_server(contains(parts.sentence, "already exists") ? "AlreadyExists" : "Conflict", parts.sentence);
    case ErrorCode::kExpired:
      return from_server("Expired", parts.sentence);
    case ErrorCode::kDenied:
      if (parts.sentence == "Unauthorized") return "error: You must be logged in to the server (Unauthorized)";
      return from_server("Forbidden", parts.sentence);
    case ErrorCode::kInvalid:
      if (contains(parts.sentence, " is invalid: ")) return invalid_text(parts.sentence);
      return parts.called.front() == '/' ? from_server("BadRequest", parts.sentence) : unreachable(parts);
    case ErrorCode::kUnavailable:
    case ErrorCode::kInternal:
      break;
  }
  return unreachable(parts);
}

}  // namespace sluice::cli
