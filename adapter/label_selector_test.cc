#include "adapter/label_selector.h"

#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>

namespace sluice::adapter {
namespace {

TEST_CASE("a label selector is read and written as client-go does") {
  struct Row {
    const char* name;
    const char* text;
    const char* normalised;
    const char* json;
  };
  const Row rows[] = {
      {"empty selects all", "", "", "null"},
      {"spaces only", "  ", "", "null"},
      {"equality", "app=edge", "app=edge", R"({"matchLabels":{"app":"edge"}})"},
      {"double equals is the same", "app == edge", "app=edge", R"({"matchLabels":{"app":"edge"}})"},
      {"an empty value", "app=", "app=", R"({"matchLabels":{"app":""}})"},
      {"an empty value before a comma", "app=,b=c", "app=,b=c", R"({"matchLabels":{"app":"","b":"c"}})"},
      {"inequality", "app!=edge", "app!=edge",
       R"({"matchExpressions":[{"key":"app","operator":"NotIn","values":["edge"]}]})"},
      {"a set, sorted and without doubles", "x in (b,a,b)", "x in (a,b)",
       R"({"matchExpressions":[{"key":"x","operator":"In","values":["a","b"]}]})"},
      {"a set with an empty place", "x in (a,)", "x in (,a)",
       R"({"matchExpressions":[{"key":"x","operator":"In","values":["","a"]}]})"},
      {"an empty set is the empty value", "x notin ()", "x notin ()",
       R"({"matchExpressions":[{"key":"x","operator":"NotIn","values":[""]}]})"},
      {"keywords as values and keys", "in in (in,notin)", "in in (in,notin)",
       R"({"matchExpressions":[{"key":"in","operator":"In","values":["in","notin"]}]})"},
      {"existence and absence, sorted by key", "!z,a", "a,!z",
       R"({"matchExpressions":[{"key":"a","operator":"Exists"},{"key":"z","operator":"DoesNotExist"}]})"},
      {"a key with a prefix", "sluice.dev/gateway=edge", "sluice.dev/gateway=edge",
       R"({"matchLabels":{"sluice.dev/gateway":"edge"}})"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto selector = LabelSelector::parse(row.text);
    REQUIRE(selector.ok());
    CHECK(selector->text() == row.normalised);
    const auto json = selector->to_json();
    REQUIRE(json.ok());
    CHECK(*json == nlohmann::json::parse(row.json));
    const auto again = LabelSelector::parse(selector->text());
    REQUIRE(again.ok());
    CHECK(again->text() == selector->text());
  }
}

TEST_CASE("a label selector that is not valid is refused") {
  const char* const rows[] = {",",          "a,",           "a,,b", "a=b c",   "=b",      "a in b", "a in (b",
                              "a in (b c)", "a in (b",      "a!b",  "a=b=c",   "a>x",     "a>",     "-a=b",
                              "a=b\"",      "a=-",          "/a=b", "A.b/c=d", "a/b/c=d", "a.-b/c", "!a=b",
                              "a=\xff",     "a in (\"b\")", "a={}", "!"};
  for (const char* text : rows) {
    CAPTURE(text);
    const auto selector = LabelSelector::parse(text);
    REQUIRE_FALSE(selector.ok());
    CHECK(selector.error().code == ErrorCode::kInvalid);
  }
  CHECK_FALSE(LabelSelector::parse("a=" + std::string(64, 'b')).ok());
  CHECK_FALSE(LabelSelector::parse(std::string(64, 'b')).ok());
  CHECK_FALSE(LabelSelector::parse(std::string(254, 'b') + "/c").ok());
  CHECK_FALSE(LabelSelector::parse("a>1")->to_json().ok());
}

TEST_CASE("a label selector matches as the API server does") {
  struct Row {
    const char* selector;
    bool matches;
  };
  const Row rows[] = {{"", true},
                      {"app=edge", true},
                      {"app=other", false},
                      {"none=x", false},
                      {"app!=edge", false},
                      {"none!=x", true},
                      {"app in (edge,x)", true},
                      {"app in (x)", false},
                      {"none in (x)", false},
                      {"none notin (x)", true},
                      {"app notin (edge)", false},
                      {"app", true},
                      {"none", false},
                      {"!app", false},
                      {"!none", true},
                      {"size>2", true},
                      {"size>3", false},
                      {"size<4", true},
                      {"app>1", false},
                      {"none<1", false},
                      {"app=edge,none", false},
                      {"empty=", true},
                      {"empty", true},
                      {"none=", false}};
  const std::map<std::string, std::string, std::less<>> labels = {{"app", "edge"}, {"size", "3"}, {"empty", ""}};
  for (const Row& row : rows) {
    CAPTURE(row.selector);
    const auto selector = LabelSelector::parse(row.selector);
    REQUIRE(selector.ok());
    CHECK(selector->matches([&](std::string_view key) -> std::optional<std::string_view> {
      const auto found = labels.find(key);
      return found == labels.end() ? std::nullopt : std::optional<std::string_view>(found->second);
    }) == row.matches);
  }
}

}  // namespace
}  // namespace sluice::adapter
