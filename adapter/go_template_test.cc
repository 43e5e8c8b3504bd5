#include "adapter/go_template.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace sluice::adapter {
namespace {

const nlohmann::json kData = {{"Series", "requests_total"},
                              {"LabelMatchers", R"(pod=~"a|b",namespace="default")"},
                              {"LabelValuesByName", {{"namespace", "default"}, {"pod", "a|b"}}},
                              {"GroupBy", "pod"},
                              {"GroupBySlice", {"pod", "container"}}};

Result<GoTemplate> parse(std::string_view text) {
  return GoTemplate::parse(text, {"Series", "LabelMatchers", "LabelValuesByName", "GroupBy", "GroupBySlice"});
}

TEST_CASE("a template renders as Go renders it") {
  struct Row {
    const char* name;
    const char* text;
    const char* expected;
  };
  const Row rows[] = {{"no action", "up", "up"},
                      {"nothing", "", ""},
                      {"the usual query", "sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)",
                       R"(sum(rate(requests_total{pod=~"a|b",namespace="default"}[2m])) by (pod))"},
                      {"spaces inside", "<< .Series >>", "requests_total"},
                      {"a list", "<<.GroupBySlice>>", "[pod container]"},
                      {"a map, sorted", "<<.LabelValuesByName>>", "map[namespace:default pod:a|b]"},
                      {"a field of a map", "<<.LabelValuesByName.namespace>>", "default"},
                      {"an absent field of a map", "<<.LabelValuesByName.none>>", "<no value>"},
                      {"index of a map", R"(x="<<index .LabelValuesByName "namespace">>")", R"(x="default")"},
                      {"index of an absent key", R"(<<index .LabelValuesByName "none">>)", ""},
                      {"index with a raw string", "<<index .LabelValuesByName `pod`>>", "a|b"},
                      {"index of a list", "<<index .GroupBySlice 1>>", "container"},
                      {"a comment", "a<</* why */>>b", "ab"},
                      {"trim marks", "a <<- .Series ->> \n b", "arequests_totalb"},
                      {"an end mark in quotes", R"(<<index .LabelValuesByName ">>">>|)", "|"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto parsed = parse(row.text);
    REQUIRE_MESSAGE(parsed.ok(), (parsed.ok() ? "" : parsed.error().message));
    const auto out = parsed->render(kData);
    REQUIRE(out.ok());
    CHECK(*out == row.expected);
  }
}

TEST_CASE("what the template language of this version lacks is refused with its name") {
  struct Row {
    const char* text;
    const char* said;
  };
  const Row rows[] = {{"<<.Series", "<< without >>"},
                      {"<<>>", "not supported"},
                      {"<<.>>", "not supported"},
                      {"<<range .GroupBySlice>>x<<end>>", "<<range .GroupBySlice>> is not supported"},
                      {"<<if .Series>>x<<end>>", "not supported"},
                      {"<<.Series | printf \"%s\">>", "not supported"},
                      {"<<printf \"%s\" .Series>>", "not supported"},
                      {"<<$x := .Series>>", "not supported"},
                      {"<<.Serie>>", "unknown field (known: .Series, .LabelMatchers"},
                      {"<<index .LabelValuesByName pod>>", "not supported"},
                      {"<<index .LabelValuesByName \"a>>", "<< without >>"},
                      {"<<index .LabelValuesByName\"a\">>", "not supported"},
                      {"<<indexes .Series>>", "not supported"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse(row.text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == ErrorCode::kInvalid);
    CHECK(parsed.error().message.find(row.said) != std::string::npos);
  }
}

TEST_CASE("a template that asks for what the data has not is an error when rendered") {
  for (const char* text : {"<<index .GroupBySlice 2>>", "<<index .GroupBySlice \"a\">>", "<<.Series.x>>",
                           "<<index .LabelValuesByName 0>>", "<<.LabelValuesByName.none.more>>"}) {
    CAPTURE(text);
    const auto parsed = parse(text);
    REQUIRE(parsed.ok());
    CHECK_FALSE(parsed->render(kData).ok());
  }
}

TEST_CASE("a template knows which fields it uses") {
  const auto parsed = parse("<<.Series>>{<<index .LabelValuesByName \"x\">>}");
  REQUIRE(parsed.ok());
  CHECK(parsed->uses("Series"));
  CHECK(parsed->uses("LabelValuesByName"));
  CHECK_FALSE(parsed->uses("GroupBy"));
}

}  // namespace
}  // namespace sluice::adapter
