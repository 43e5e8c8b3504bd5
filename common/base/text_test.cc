#include "common/base/text.h"

#include <doctest/doctest.h>

namespace sluice {

TEST_CASE("lower changes A to Z and nothing else") {
  CHECK(lower("Retry-After") == "retry-after");
  CHECK(lower("@AZ[`az{09") == "@az[`az{09");
  CHECK(lower("\xC3\x84") == "\xC3\x84");  // no letter of ASCII
  CHECK(lower("").empty());
}

TEST_CASE("trim takes blanks off both ends and leaves those inside") {
  struct Row {
    const char* name;
    std::string_view text;
    std::string_view trimmed;
  };
  const Row rows[] = {{"nothing to take", "a b", "a b"}, {"both ends", " \ta b\r\n", "a b"},
                      {"in front", "\n\na", "a"},        {"behind", "a  ", "a"},
                      {"only blanks", " \t\r\n", ""},    {"nothing", "", ""}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(trim(row.text) == row.trimmed);
  }
}

}  // namespace sluice
