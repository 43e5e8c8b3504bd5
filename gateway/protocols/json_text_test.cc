#include "gateway/protocols/json_text.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace sluice::gateway {
namespace {

TEST_CASE("an object is parsed, everything else refused with a sentence") {
  struct Row {
    const char* name;
    std::string text;
    bool good;
  };
  const std::string deep_megabyte(1'000'000, '[');
  const Row rows[] = {{"an object", R"({"a":[1,2,{"b":null}]})", true},
                      {"as deep as allowed", "{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}", true},
                      {"deeper than allowed", "{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}", false},
                      {"a megabyte of brackets", deep_megabyte, false},
                      {"brackets inside a string do not nest", "{\"a\":\"" + deep_megabyte + "\"}", true},
                      {"an escaped quote", R"({"a":"\"[[["})", true},
                      {"a list", "[]", false},
                      {"a number", "1", false},
                      {"nothing", "", false},
                      {"half an object", "{\"a\":", false},
                      {"something behind it", "{} {}", false},
                      {"a number too large", R"({"a":1e999})", false},
                      {"half a surrogate pair", R"({"a":"\ud800"})", false}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    nlohmann::json object;
    std::string error;
    CHECK(parse_json_object(row.text, object, error) == row.good);
    CHECK(error.empty() == row.good);
  }
}

TEST_CASE("text that is not UTF-8 is written all the same") {
  CHECK(json_text({{"a", "\xFF"}}) == "{\"a\":\"\xEF\xBF\xBD\"}");
}

}  // namespace
}  // namespace sluice::gateway
