#include "adapter/regex.h"

#include <doctest/doctest.h>

namespace sluice::adapter {
namespace {

TEST_CASE("a pattern occurs as in Go") {
  struct Row {
    const char* pattern;
    const char* text;
    bool occurs;
  };
  const Row rows[] = {{"my_.*", "my_label", true},
                      {"my_.*", "not_my_label", true},
                      {"^my_.*$", "not_my_label", false},
                      {"", "anything", true},
                      {"(?i)TOTAL$", "x_total", true},
                      {"^(?:a|b)+$", "abba", true},
                      {"^\\d+$", "12", true},
                      {"a{2}", "aa", true},
                      {"^.$", "\xc3\xa4", true}};
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    const auto regex = Regex::compile(row.pattern);
    REQUIRE(regex.ok());
    CHECK(regex->occurs_in(row.text) == row.occurs);
  }
}

TEST_CASE("a pattern that Go refuses is refused") {
  for (const char* pattern : {"(", "a**", "[z-a]", "(?<!a)b", "(?=a)", "\\1", "a{2000}"}) {
    CAPTURE(pattern);
    const auto regex = Regex::compile(pattern);
    REQUIRE_FALSE(regex.ok());
    CHECK(regex.error().message.find(pattern) != std::string::npos);
  }
}

TEST_CASE("expand replaces as Go's Expand does") {
  struct Row {
    const char* name;
    const char* pattern;
    const char* replacement;
    const char* expected;
  };
  const Row rows[] = {{"the whole", "^(.*)_total$", "$0", "http_requests_total"},
                      {"a group", "^(.*)_total$", "$1", "http_requests"},
                      {"only the expansion, not what is around the match", "requests", "$0", "requests"},
                      {"braces", "^(.*)_total$", "${1}_per_second", "http_requests_per_second"},
                      {"the longest name counts: $1_x is a group of that name", "^(.*)_total$", "$1_per_second", ""},
                      {"a named group", "^(?P<base>.*)_total$", "${base}_rate", "http_requests_rate"},
                      {"a group that is not there", "^(.*)_total$", "a$2b$3", "a"},
                      {"a group that did not take part", "^(x)?http", "[$1]", "[]"},
                      {"a dollar", "http", "$$0", "$0"},
                      {"a malformed reference is text", "http", "$-${1", "$-${1"},
                      {"no reference", "http", "plain", "plain"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto regex = Regex::compile(row.pattern);
    REQUIRE(regex.ok());
    std::string out;
    REQUIRE(regex->expand("http_requests_total", row.replacement, out));
    CHECK(out == row.expected);
  }
  std::string out;
  CHECK_FALSE(Regex::compile("^x")->expand("http", "$0", out));
}

TEST_CASE("a quoted text matches only itself") {
  for (const char* text : {"edge-7f2k", "a.b", "x|y", "a\\b", "[^$]{1,2}(*+?)"}) {
    CAPTURE(text);
    const auto regex = Regex::compile("^(?:" + Regex::quote(text) + ")$");
    REQUIRE(regex.ok());
    CHECK(regex->occurs_in(text));
    CHECK_FALSE(regex->occurs_in(std::string(text) + "x"));
  }
  CHECK_FALSE(Regex::compile("^(?:" + Regex::quote("a.b") + ")$")->occurs_in("axb"));
}

}  // namespace
}  // namespace sluice::adapter
