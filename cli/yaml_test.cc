#include "cli/yaml.h"

#include <doctest/doctest.h>

namespace sluice::cli {
namespace {

using kube::Json;

TEST_CASE("YAML as kubectl lays it out") {
  const Json object = {
      {"kind", "List"},
      {"items",
       {{{"name", "a"}, {"ports", {1, 2}}}, {{"name", "b"}, {"empty", Json::array()}, {"none", Json::object()}}}},
      {"nested", {{"deep", {{"true", true}, {"null", nullptr}, {"half", 0.5}}}}}};
  CHECK(to_yaml(object) ==
        "items:\n"
        "- name: a\n"
        "  ports:\n"
        "  - 1\n"
        "  - 2\n"
        "- empty: []\n"
        "  name: b\n"
        "  none: {}\n"
        "kind: List\n"
        "nested:\n"
        "  deep:\n"
        "    half: 0.5\n"
        "    \"null\": null\n"
        "    \"true\": true\n");
}

TEST_CASE("texts that a reader could take for something else are quoted") {
  for (const char* text : {"true", "No",   "on",    "null", "~",    "12",  "1e3", "0x1f", "2026-11-23T12:00:00Z",
                           "",     " a",   "a ",    "a: b", "a #b", "- a", "*a",  "&a",   "{a",
                           "[a",   "a\nb", "größe", "y",    ".5",   "<<",  "a:",  "%",    "@",
                           "`",    "NaN",  "+1"}) {
    CAPTURE(text);
    const std::string out = to_yaml(Json(text));
    CHECK(out.front() == '"');
  }
  for (const char* text : {"edge", "edge-4bz7k", "a b", "a:b", "a#b", "sluice.dev/edge", "it's", "100k?", "x=1"}) {
    CAPTURE(text);
    const bool plain = to_yaml(Json(text)) == std::string(text) + "\n" || to_yaml(Json(text)).front() == '"';
    CHECK(plain);
  }
  CHECK(to_yaml(Json("edge")) == "edge\n");
  CHECK(to_yaml(Json{{"a b", "c"}}) == "a b: c\n");
  CHECK(to_yaml(Json::array({Json::array({1, 2}), 3})) == "- - 1\n  - 2\n- 3\n");
  CHECK(to_yaml(Json::object()) == "{}\n");
}

}  // namespace
}  // namespace sluice::cli
