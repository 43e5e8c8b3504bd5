#include "common/base/boxed.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice {

TEST_CASE("a boxed value copies and compares as an optional does, and costs a pointer") {
  static_assert(sizeof(Boxed<std::string>) == sizeof(void*));
  Boxed<std::string> none;
  CHECK_FALSE(none);
  CHECK(none == std::nullopt);
  Boxed<std::string> some = std::string("drain");
  CHECK(some.has_value());
  CHECK_FALSE(some == none);
  Boxed<std::string> copy = some;
  CHECK(copy == some);
  copy->append("ed");
  CHECK(*copy == "drained");
  CHECK(*some == "drain");  // the copy has its own
  copy = none;
  CHECK_FALSE(copy);
  copy = some;
  some = *&some;
  CHECK(*some == "drain");
  const Boxed<std::string> moved = std::move(copy);
  CHECK(*moved == "drain");
  some.reset();
  CHECK(some == none);
}

TEST_CASE("a boxed value comes from an optional and becomes one") {
  CHECK(Boxed<int>(std::optional<int>(7)) == Boxed<int>(7));
  CHECK_FALSE(Boxed<int>(std::optional<int>()));
  const std::optional<int> back = Boxed<int>(7);
  CHECK(back == 7);
  const std::optional<int> none = Boxed<int>();
  CHECK_FALSE(none);
}

}  // namespace sluice
