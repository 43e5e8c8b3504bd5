#include "common/base/result.h"

#include <doctest/doctest.h>

#include <memory>

namespace sluice {

TEST_CASE("a Result holds a value or an error") {
  Result<std::unique_ptr<int>> good = std::make_unique<int>(7);
  REQUIRE(good.ok());
  CHECK(**good == 7);
  const std::unique_ptr<int> moved = *std::move(good);
  CHECK(*moved == 7);

  const Result<int> bad = Error{ErrorCode::kNotFound, "no such pod"};
  CHECK_FALSE(bad.ok());
  CHECK(bad.error().code == ErrorCode::kNotFound);
}

TEST_CASE("an error keeps its code and Retry-After when a caller adds where it happened") {
  const Error error{ErrorCode::kUnavailable, "connection refused", std::chrono::milliseconds(1500)};
  const Error outer = error.in("list pods");
  CHECK(outer.message == "list pods: connection refused");
  CHECK(outer.code == ErrorCode::kUnavailable);
  CHECK(outer.retry_after == std::chrono::milliseconds(1500));
  CHECK(std::string(to_string(outer.code)) == "unavailable");
}

TEST_CASE("a Status is ok until it holds an error") {
  CHECK(Status::success().ok());
  const Status bad = Error{ErrorCode::kInvalid, "x"};
  CHECK_FALSE(bad.ok());
  CHECK(bad.error().message == "x");
}

}  // namespace sluice
