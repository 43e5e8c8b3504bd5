#include "adapter/api_error.h"

#include <nlohmann/json.hpp>

namespace sluice::adapter {

ApiError bad_request(std::string message) {
  return {400, "BadRequest", std::move(message)};
}
ApiError unauthorized(std::string message) {
  return {401, "Unauthorized", std::move(message)};
}
ApiError forbidden(std::string message) {
  return {403, "Forbidden", std::move(message)};
}
ApiError not_found(std::string message) {
  return {404, "NotFound", std::move(message)};
}
ApiError method_not_allowed(std::string message) {
  return {405, "MethodNotAllowed", std::move(message)};
}
ApiError not_acceptable(std::string message) {
  return {406, "NotAcceptable", std::move(message)};
}
ApiError too_many_requests(std::string message) {
  return {429, "TooManyRequests", std::move(message), 1};
}
ApiError internal_error(std::string message) {
  return {500, "InternalError", std::move(message)};
}
ApiError service_unavailable(std::string message) {
  return {503, "ServiceUnavailable", std::move(message)};
}

ApiError of_status(int code, std::string message) {
  switch (code) {
    case 400:
      return bad_request(std::move(message));
    case 413:
      return {code, "RequestEntityTooLarge", std::move(message)};
    case 500:
      return internal_error(std::move(message));
    case 503:
      return service_unavailable(std::move(message));
    default:
      return {code, "", std::move(message)};  // the API has a reason for few of them
  }
}

std::string render_status(const ApiError& error) {
  nlohmann::json status{{"kind", "Status"},    {"apiVersion", "v1"},       {"metadata", nlohmann::json::object()},
                        {"status", "Failure"}, {"message", error.message}, {"reason", error.reason},
                        {"code", error.code}};
  if (error.retry_after_seconds) status["details"] = {{"retryAfterSeconds", *error.retry_after_seconds}};
  // A path may hold bytes that are no UTF-8: they are replaced, never thrown at.
  return status.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sluice::adapter
