#include "common/kube/packed.h"

#include <doctest/doctest.h>

#include <limits>

namespace sluice::kube {

TEST_CASE("what is packed comes back as it was, numbers of the same kind") {
  NameTable names;
  const Json rows[] = {nullptr,
                       true,
                       false,
                       0,
                       127u,
                       128u,
                       std::numeric_limits<std::uint64_t>::max(),
                       -1,
                       std::numeric_limits<std::int64_t>::min(),
                       0.5,
                       -1e300,
                       "",
                       std::string("a\0b", 3),
                       std::string(100'000, 'x'),
                       Json::array(),
                       Json::object(),
                       Json::parse(R"([1,[2,[]],{"a":{"b":null}},"c",-3,1.0])"),
                       Json::parse(R"({"":1,"a":{"a":{"a":[{"a":"a"}]}},"z":false})"),
                       Json{{std::string(100, 'k'), 1}}};
  for (const Json& row : rows) {
    CAPTURE(row.dump().substr(0, 100));
    const std::string bytes = pack(row, names);
    const Json again = unpack(bytes, names);
    CHECK(again == row);
    CHECK(again.type() == row.type());
    CHECK(pack(again, names) == bytes);
  }
}

TEST_CASE("a name is kept once, and a table that is full goes on without") {
  NameTable names;
  const Json object{{"lastTransitionTime", 1}};
  CHECK(pack(object, names).size() == pack(object, names).size());
  CHECK(pack(object, names).size() < 8);
  Json many;
  for (std::uint32_t i = 0; i < NameTable::kNamesMax + 100; ++i) many["name-" + std::to_string(i)] = i;
  CHECK(unpack(pack(many, names), names) == many);
  CHECK(unpack(pack(object, names), names) == object);
}

}  // namespace sluice::kube
