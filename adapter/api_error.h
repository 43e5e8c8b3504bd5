// Failures as Kubernetes clients understand them: an HTTP status and a Status object. Source: meta/v1 Status.
#pragma once

#include <optional>
#include <string>

namespace sluice::adapter {

struct ApiError {
  int code = 500;
  std::string reason;   ///< StatusReason: "NotFound".
  std::string message;  ///< A sentence that `kubectl describe hpa` will show.
  std::optional<int> retry_after_seconds = std::nullopt;
};

ApiError bad_request(std::string message);          // 400
ApiError unauthorized(std::string message);         // 401
ApiError forbidden(std::string message);            // 403
ApiError not_found(std::string message);            // 404
ApiError method_not_allowed(std::string message);   // 405
ApiError not_acceptable(std::string message);       // 406
ApiError too_many_requests(std::string message);    // 429, come again in a second
ApiError internal_error(std::string message);       // 500
ApiError service_unavailable(std::string message);  // 503

/// Any status that has no name above: 413, 431.
ApiError of_status(int code, std::string message);

/// The Status object's JSON.
std::string render_status(const ApiError& error);

}  // namespace sluice::adapter
