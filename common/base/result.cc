#include "common/base/result.h"

namespace sluice {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kExpired:
      return "expired";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

}  // namespace sluice
