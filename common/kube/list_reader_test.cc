#include "common/kube/list_reader.h"

#include <doctest/doctest.h>

#include <vector>

namespace sluice::kube {

TEST_CASE("a List is read object by object, and what else it says stays") {
  struct Row {
    const char* name;
    const char* text;
    Json objects;
    Json rest;
  };
  const Row rows[] = {
      {"objects", R"({"kind":"PodList","metadata":{"resourceVersion":"5"},"items":[{"a":{"b":[1]}},{"a":2}]})",
       Json::parse(R"([{"a":{"b":[1]}},{"a":2}])"),
       Json::parse(R"({"kind":"PodList","metadata":{"resourceVersion":"5"}})")},
      {"what stands behind them", R"({"items":[{}],"metadata":{"x":{"y":[1]}}})", Json::parse("[{}]"),
       Json::parse(R"({"metadata":{"x":{"y":[1]}}})")},
      {"items of items", R"({"items":[{"items":[{"items":1}]}]})", Json::parse(R"([{"items":[{"items":1}]}])"),
       Json::object()},
      {"none", R"({"items":[]})", Json::array(), Json::object()},
      {"null, as an empty list of Go's", R"({"items":null,"kind":"x"})", Json::array(), Json{{"kind", "x"}}},
      {"no list", R"({"items":7})", Json::array(), Json::object()},
      {"what is no object", R"({"items":[1,"a",[2]]})", Json::parse(R"([1,"a",[2]])"), Json::object()}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Json objects = Json::array();
    const Result<Json> rest = read_list(row.text, [&](Json object) { objects.push_back(std::move(object)); });
    REQUIRE(rest.ok());
    CHECK(objects == row.objects);
    CHECK(*rest == row.rest);
  }
}

TEST_CASE("what is no List is said to be none") {
  for (const char* text : {"", "[]", "{", R"({"items":[{"a":1})", "null"}) {
    CAPTURE(text);
    CHECK(read_list(text, [](const Json&) {}).error().code == ErrorCode::kUnavailable);
  }
}

}  // namespace sluice::kube
