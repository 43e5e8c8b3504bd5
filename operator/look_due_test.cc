#include "operator/look_due.h"

#include <doctest/doctest.h>

namespace sluice::op {

TEST_CASE("a look is due once something has asked for it, and then no more") {
  LookDue due;
  const SteadyTime now(1h);
  CHECK_FALSE(due.in("a", now));
  due.want("a", now);
  due.want("a", now);
  CHECK_FALSE(due.in("b", now));
  CHECK(due.in("a", now) == Duration(0));
  due.begun("a");
  CHECK_FALSE(due.in("a", now + 1h));
  due.want("a", now + 1h);  // while that look is under way: for the next one
  CHECK(due.in("a", now + 1h) == Duration(0));
  due.begun("a");
  CHECK(due.size() == 0);
}

TEST_CASE("of two times the sooner counts, whichever came first") {
  LookDue due;
  const SteadyTime now(1h);
  due.want("a", now + 5s);
  CHECK(due.in("a", now + 1s) == Duration(4'000));
  CHECK(due.in("a", now + 5s - 1ns) == Duration(1));  // never too soon
  due.want("a", now + 1min);
  due.want("a", now + 3s);
  CHECK(due.in("a", now + 2s) == Duration(1'000));
  CHECK(due.in("a", now + 3s) == Duration(0));
  // That look sees to what the later ones were for, or names a time itself.
  due.begun("a");
  CHECK_FALSE(due.in("a", now + 1h));
}

}  // namespace sluice::op
