#include "cli/error_text.h"

#include <doctest/doctest.h>

namespace sluice::cli {
namespace {

TEST_CASE("failures in kubectl's words") {
  struct Case {
    Error error;
    const char* text;
  };
  const Case rows[] = {
      {{ErrorCode::kInvalid, "unknown flag: --x"}, "error: unknown flag: --x"},
      {{ErrorCode::kNotFound,
        "GET /apis/sluice.dev/v1alpha1/namespaces/a/realtimegateways/b: realtimegateways.sluice.dev \"b\" not found"},
       "Error from server (NotFound): realtimegateways.sluice.dev \"b\" not found"},
      {{ErrorCode::kNotFound,
        "GET /apis/sluice.dev/v1alpha1/realtimegateways: the server could not find the requested resource"},
       "error: the server doesn't have a resource type \"realtimegateways\""},
      {{ErrorCode::kDenied, "GET /api/v1/pods: pods is forbidden: User \"eve\" cannot list resource \"pods\""},
       "Error from server (Forbidden): pods is forbidden: User \"eve\" cannot list resource \"pods\""},
      {{ErrorCode::kDenied, "GET /api/v1/pods: Unauthorized"},
       "error: You must be logged in to the server (Unauthorized)"},
      {{ErrorCode::kConflict, "PATCH /apis/x: the object has been modified"},
       "Error from server (Conflict): the object has been modified"},
      {{ErrorCode::kInvalid, "PATCH /apis/x: RealtimeGateway.sluice.dev \"edge\" is invalid: spec.scaleDown: Too many"},
       "The RealtimeGateway \"edge\" is invalid: spec.scaleDown: Too many"},
      {{ErrorCode::kInvalid, "PATCH /apis/x: cannot decode"}, "Error from server (BadRequest): cannot decode"},
      {{ErrorCode::kUnavailable, "GET /api/v1/x: etcdserver: request timed out"},
       "Error from server: etcdserver: request timed out"},
      {{ErrorCode::kUnavailable,
        "GET https://127.0.0.1:6443/api/v1/pods: Failed to connect to 127.0.0.1 port 6443 after 0 ms: Couldn't connect "
        "to server"},
       "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?"},
      {{ErrorCode::kUnavailable, "GET https://nowhere/api: Could not resolve host: nowhere"},
       "Unable to connect to the server: Could not resolve host: nowhere"},
  };
  for (const Case& row : rows) {
    CAPTURE(row.text);
    CHECK(error_text(row.error) == row.text);
  }
}

}  // namespace
}  // namespace sluice::cli
