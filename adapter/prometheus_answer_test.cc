#include "adapter/prometheus_answer.h"

#include <doctest/doctest.h>

#include <cmath>

namespace sluice::adapter {
namespace {

const KeptLabels kLabels{"pod", "part"};

TEST_CASE("a vector is read with its odd numbers") {
  const auto vector = read_vector(200, R"({"status":"success","data":{"resultType":"vector","result":[
    {"metric":{"__name__":"up","pod":"a"},"value":[1700000000.5,"1.5"]},
    {"metric":{"part":"x"},"value":[1700000000,"NaN"]},
    {"metric":{"pod":"ä\""},"value":[1700000000,"+Inf"]},
    {"metric":{"pod":"b"},"value":[1700000000,"-Inf"]},
    {"metric":{"pod":"c"},"value":[1700000000,"1e+21"]}]},"warnings":["w"]})",
                                  kLabels);
  REQUIRE(vector.ok());
  REQUIRE(vector->size() == 5);
  CHECK((*vector)[0].object == "a");
  CHECK((*vector)[0].part.empty());
  CHECK((*vector)[0].value == 1.5);
  CHECK(std::isnan((*vector)[1].value));
  CHECK((*vector)[1].object.empty());
  CHECK((*vector)[1].part == "x");
  CHECK((*vector)[2].object == "ä\"");
  CHECK(std::isinf((*vector)[2].value));
  CHECK((*vector)[3].value < 0);
  CHECK((*vector)[4].value == 1e21);
  const auto none = read_vector(200, R"({"status":"success","data":{"resultType":"vector","result":[]}})", kLabels);
  REQUIRE(none.ok());
  CHECK(none->empty());
}

TEST_CASE("what Prometheus refuses or fails at is told apart") {
  struct Row {
    const char* name;
    int status;
    ErrorCode code;
    const char* body;
    const char* said;
  };
  const Row rows[] = {
      {"a bad query", 400, ErrorCode::kInvalid,
       R"({"status":"error","errorType":"bad_data","error":"1:5: parse error: x"})",
       "Prometheus answers bad_data: 1:5: parse error: x"},
      {"a query that cannot be executed", 422, ErrorCode::kInvalid,
       R"({"status":"error","errorType":"execution","error":"many-to-many"})", "execution: many-to-many"},
      {"its own time-out", 503, ErrorCode::kUnavailable,
       R"({"status":"error","errorType":"timeout","error":"query timed out"})", "timeout: query timed out"},
      {"an error with 200", 200, ErrorCode::kUnavailable, R"({"status":"error","errorType":"canceled","error":"x"})",
       "canceled"},
      {"a proxy's 502", 502, ErrorCode::kUnavailable, "<html>\nbad gateway\xff</html>",
       "Prometheus answers HTTP 502: <html> bad gateway?</html>"},
      {"not allowed", 401, ErrorCode::kDenied, "no", "HTTP 401: no"},
      {"not found", 404, ErrorCode::kInvalid, "404 page not found", "HTTP 404: 404 page not found"},
      {"too many requests", 429, ErrorCode::kUnavailable, "", "HTTP 429"},
      {"no JSON", 200, ErrorCode::kInvalid, "hello", "not of its API"},
      {"cut JSON", 200, ErrorCode::kInvalid, R"({"status":"success","data":{"resultType":"vec)", "not of its API"},
      {"a scalar", 200, ErrorCode::kInvalid, R"({"status":"success","data":{"resultType":"scalar","result":[1,"1"]}})",
       "a scalar where the rule's query should make a vector"},
      {"a value that is no string", 200, ErrorCode::kInvalid,
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}})",
       "not of its API"},
      {"a value that is no number", 200, ErrorCode::kInvalid,
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1x"]}]}})",
       "not of its API"},
      {"a label that is no string", 200, ErrorCode::kInvalid,
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"1"]}]}})",
       "not of its API"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto vector = read_vector(row.status, row.body, kLabels);
    REQUIRE_FALSE(vector.ok());
    CHECK(vector.error().code == row.code);
    CAPTURE(vector.error().message);
    CHECK(vector.error().message.find(row.said) != std::string::npos);
  }
  const auto series = read_series(400, R"({"status":"error","errorType":"bad_data","error":"no match[]"})");
  REQUIRE_FALSE(series.ok());
  CHECK(series.error().message == "Prometheus answers bad_data: no match[]");
}

TEST_CASE("only what the API promises of a vector is one") {
  const auto read = [](const std::string& result) {
    return read_vector(200, R"({"data":{"result":)" + result + R"(,"resultType":"vector"},"status":"success"})",
                       kLabels);
  };
  CHECK(read("[]").ok());
  CHECK(read(R"([{"value":[1.5,"2"],"metric":{"a":"b"},"more":{"value":[1],"x":["y"]}}])").ok());
  CHECK(read(R"([{"value":[1.5,"2"],"metric":{"a":"b"},"more":3}])").ok());
  for (const char* odd : {"{}", "3", "null", R"(["x"])", "[[]]", "[{}]", R"([{"metric":{}}])", R"([{"value":[1,"1"]}])",
                          R"([{"metric":[],"value":[1,"1"]}])", R"([{"metric":{},"value":{"0":1,"1":"1"}}])",
                          R"([{"metric":{},"value":[1]}])", R"([{"metric":{},"value":[1,"1","1"]}])",
                          R"([{"metric":{},"value":["1","1"]}])", R"([{"metric":{"a":{}},"value":[1,"1"]}])",
                          R"([{"metric":{},"values":[[1,"1"]]}])", R"({"x":{"metric":{},"value":[1,"1"]}})",
                          R"([{"metric":{},"value":[1,"1"]},4])"}) {
    CAPTURE(std::string(odd));
    const auto vector = read(odd);
    REQUIRE_FALSE(vector.ok());
    CHECK(vector.error().message == "Prometheus' answer is not of its API");
  }
  CHECK_FALSE(read_vector(200, R"({"status":"success","data":{"resultType":"vector"}})", kLabels).ok());
  CHECK_FALSE(read_vector(200, std::string(100'000, '['), kLabels).ok());
}

TEST_CASE("an answer of more series than may be is refused, however short they are") {
  const char* vector = R"({"status":"success","data":{"resultType":"vector","result":[
    {"metric":{},"value":[1,"1"]},{"metric":{},"value":[1,"1"]}]}})";
  CHECK(read_vector(200, vector, kLabels, 2).ok());
  CHECK(read_vector(200, vector, kLabels, 1).error().message ==
        "Prometheus answers more than 1 series: the rule's metricsQuery should make one value for each object");
  const char* series = R"({"status":"success","data":[{"__name__":"a"},{"__name__":"a"}]})";
  CHECK(read_series(200, series, 2).ok());
  CHECK(read_series(200, series, 1).error().message ==
        "Prometheus answers more than 1 series: narrow the rule's seriesQuery");
  CHECK(read_series(200, series, 1).error().code == ErrorCode::kInvalid);
}

TEST_CASE("a long error is cut") {
  for (const std::size_t size : {10'000, 1'000'000}) {
    const auto vector = read_vector(500, std::string(size, 'x'), kLabels);
    REQUIRE_FALSE(vector.ok());
    CHECK(vector.error().message.size() < 500);
  }
}

TEST_CASE("series become names and labels") {
  const auto series = read_series(200, R"({"status":"success","data":[
    {"__name__":"up","pod":"a","namespace":"x"}, {"job":"j","__name__":"up"}, {"__name__":"down"}, {"pod":"nameless"}]})");
  REQUIRE(series.ok());
  CHECK(*series == SeriesNames{{"up", {"pod", "namespace", "job"}}, {"down", {}}});
  CHECK(read_series(200, R"({"data":[],"status":"success"})").ok());
  for (const char* odd : {"", "[]", R"({"status":"success"})", R"({"status":"success","data":{}})", R"({"data":[]})",
                          R"({"status":"success","data":[{"__name__":"up")"}) {
    CAPTURE(odd);
    CHECK_FALSE(read_series(200, odd).ok());
  }
}

}  // namespace
}  // namespace sluice::adapter
