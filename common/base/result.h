// Outcomes. Every fallible call of this project returns a Result; exceptions of libraries are caught where they enter.
// C++20 has no std::expected: this is the small part of it that is used here.
#pragma once

#include <cassert>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace sluice {

/// What a caller should do about a failure. Callers branch on this, never on the text.
enum class ErrorCode {
  kUnavailable,  ///< The other side or the way to it failed; the same call may succeed later (retry with backoff).
  kConflict,     ///< The object changed meanwhile; read it again, decide again (HTTP 409).
  kNotFound,     ///< It does not exist; often an answer rather than a fault (HTTP 404).
  kExpired,      ///< The resource version is too old; list again (HTTP 410).
  kDenied,       ///< Not authenticated or not allowed; retrying does not help until somebody acts (HTTP 401, 403).
  kInvalid,      ///< The input is wrong; terminal for this input (HTTP 400, 422).
  kInternal,     ///< Our own fault or a library's; terminal.
};

/// The code in words: "unavailable", "conflict", ... as they appear in logs and metrics.
const char* to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  ///< One sentence that names what is wrong and where; never holds a secret.
  /// How long the other side asked us to wait (Retry-After); unset when it did not say.
  std::optional<std::chrono::milliseconds> retry_after = std::nullopt;

  /// The same error with "what: " in front, for a caller that knows more about where it happened.
  [[nodiscard]] Error in(const std::string& what) const { return {code, what + ": " + message, retry_after}; }
};

/// A value or an Error. Asking for the one that is not there is a programmer's error and asserts.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

/// The outcome of a call that answers nothing: ok() or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  static Status success() { return {}; }

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const {
    assert(!ok());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace sluice
