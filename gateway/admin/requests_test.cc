#include "gateway/admin/requests.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::gateway {
namespace {

using nlohmann::json;

struct Row {
  const char* name;
  json change;
  const char* mentions;
};

/// Each row's change to `good` makes `parse` refuse it with a sentence that names the field.
template <typename Parse, std::size_t N>
void check_refusals(Parse parse, const json& good, const Row (&rows)[N]) {
  CHECK(parse(good.dump()));
  for (const Row& row : rows) {
    CAPTURE(row.name);
    json body = good;
    body.update(row.change);
    const auto request = parse(body.dump());
    REQUIRE(!request);
    CHECK(request.error().code == ErrorCode::kInvalid);
    CHECK(request.error().message.find(row.mentions) == 0);
  }
  for (const char* body : {"", "[]", "{", "{}", "nonsense"}) {
    REQUIRE(!parse(body));
    CHECK(!parse(body).error().message.empty());
  }
}

TEST_CASE("a drain request that is wrong is refused with a sentence that names the field") {
  const Row rows[] = {{"no reason", {{"reason", nullptr}}, "reason"},
                      {"no deadline", {{"deadline", nullptr}}, "deadline"},
                      {"a deadline that is no time", {{"deadline", "soon"}}, "deadline"},
                      {"a rate that is text", {{"ratePerSecond", "fast"}}, "ratePerSecond"},
                      {"a rate below nothing", {{"ratePerSecond", -1}}, "ratePerSecond"},
                      {"a code that is not for this", {{"closeCode", 1000}}, "closeCode"},
                      {"a jitter that is text", {{"hintJitterMs", "30s"}}, "hintJitterMs"},
                      {"a jitter below nothing", {{"hintJitterMs", -5}}, "hintJitterMs"}};
  check_refusals(parse_drain_request,
                 {{"reason", "x"}, {"deadline", "2030-01-01T00:00:00Z"}, {"ratePerSecond", 1}, {"of", "later"}}, rows);
}

TEST_CASE("a shed request that is wrong is refused with a sentence that names the field") {
  const Row rows[] = {{"no id", {{"id", nullptr}}, "id"},
                      {"an id that is empty", {{"id", ""}}, "id"},
                      {"an id that is too long", {{"id", std::string(129, 'x')}}, "id"},
                      {"an id with a blank", {{"id", "a b"}}, "id"},
                      {"an id with a line's end", {{"id", "a\n"}}, "id"},
                      {"an id that is a number", {{"id", 7}}, "id"},
                      {"no count", {{"count", nullptr}}, "count"},
                      {"a count below nothing", {{"count", -1}}, "count"},
                      {"half a connection", {{"count", 0.5}}, "count"},
                      {"more than there can be", {{"count", 4'000'001}}, "count"},
                      {"no rate", {{"ratePerSecond", nullptr}}, "ratePerSecond"},
                      {"a code that is not for this", {{"closeCode", 1011}}, "closeCode"},
                      {"a jitter beyond a day", {{"hintJitterMs", 86'400'001}}, "hintJitterMs"}};
  const json least = {{"id", std::string(128, '~')}, {"count", 4'000'000}, {"ratePerSecond", 0}};
  check_refusals(parse_shed_request, least, rows);
  CHECK(parse_shed_request(least.dump())->close_code == 1012);
  CHECK(parse_shed_request(least.dump())->hint_jitter == 0s);
}

TEST_CASE("a status that is wrong is refused with a sentence that names the field") {
  const Row rows[] = {{"no pod", {{"pod", nullptr}}, "pod"},
                      {"a pod that forges a log line", {{"pod", "a\nlevel=info"}}, "pod"},
                      {"a pod that is too long", {{"pod", std::string(254, 'a')}}, "pod"},
                      {"no uid", {{"uid", ""}}, "uid"},
                      {"a status that is none", {{"status", true}}, "status"},
                      {"a status of two words", {{"status", "all right"}}, "status"},
                      {"no severity", {{"severity", nullptr}}, "severity"},
                      {"a severity beyond the scale", {{"severity", 6}}, "severity"},
                      {"a severity below it", {{"severity", -1}}, "severity"}};
  check_refusals(parse_node_status,
                 {{"pod", std::string(253, 'a')}, {"uid", "0a-1"}, {"status", "PendingRejoin"}, {"severity", 5}}, rows);
}

}  // namespace
}  // namespace sluice::gateway
