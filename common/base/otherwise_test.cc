#include "common/base/otherwise.h"

#include <doctest/doctest.h>

#include <future>

namespace sluice {
namespace {

TEST_CASE("what is over within its time is left alone") {
  bool done = false;
  {
    const Otherwise hurry(std::chrono::hours(1), [&] { done = true; });
  }
  CHECK_FALSE(done);
}

TEST_CASE("what is not is cut") {
  std::promise<void> cut;
  const Otherwise hurry(Duration(1), [&] { cut.set_value(); });
  CHECK(cut.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready);
}

}  // namespace
}  // namespace sluice
