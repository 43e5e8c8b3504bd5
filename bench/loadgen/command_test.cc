#include "bench/loadgen/command.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice::loadgen {
namespace {

TEST_CASE("commands are read, several at once too") {
  const auto grow = parse_command(R"({"clients":10000,"over":"30s"})");
  REQUIRE(grow);
  CHECK(grow->clients->clients == 10'000);
  CHECK(grow->clients->over == 30s);
  CHECK(!grow->churn_mean);
  CHECK(!grow->tasks);
  CHECK(!grow->stop);

  const auto tasks = parse_command(R"({"tasks":{"clients":60,"megabytes":8,"per_client":4,"for":"40s"}})");
  REQUIRE(tasks);
  CHECK(tasks->tasks->clients == 60);
  CHECK(tasks->tasks->megabytes == 8);
  CHECK(tasks->tasks->per_client == 4);
  CHECK(tasks->tasks->duration == 40s);

  const auto many = parse_command(R"({"clients":5,"churn_mean":"0","rate":0.5,"stop":true})");
  REQUIRE(many);
  CHECK(many->clients->over == 0s);
  CHECK(many->churn_mean == 0s);
  CHECK(many->rate == 0.5);
  CHECK(many->stop);
}

TEST_CASE("a wrong command names the field") {
  struct Row {
    const char* line;
    const char* message;
  };
  const Row rows[] = {
      {"{", "the command is not JSON"},
      {"5", "the command is not an object"},
      {R"({"client":5})", "client is not a field"},
      {R"({"clients":-1})", "clients is not a whole number from 0 to 100000"},
      {R"({"clients":100001})", "clients is not a whole number from 0 to 100000"},
      {R"({"clients":1.5})", "clients is not a whole number from 0 to 100000"},
      {R"({"clients":1,"over":30})", "over is not a duration such as \"30s\""},
      {R"({"churn_mean":"soon"})", "churn_mean is not a duration such as \"30s\""},
      {R"({"rate":-0.1})", "rate is not a number from 0 to 1000.000000"},
      {R"({"stop":1})", "stop is not true or false"},
      {R"({"tasks":5})", "tasks is not an object"},
      {R"({"tasks":{"clients":1,"megabytes":0,"per_client":1,"for":"1s"}})",
       "tasks.megabytes is not a whole number from 1 to 256"},
      {R"({"tasks":{"clients":1,"megabytes":1,"per_client":65,"for":"1s"}})",
       "tasks.per_client is not a whole number from 1 to 64"},
      {R"({"tasks":{"clients":1,"megabytes":1,"per_client":1}})", "tasks.for is not a duration such as \"30s\""},
      {R"({"tasks":{"clients":1,"megabytes":1,"per_client":1,"for":"1s","x":1}})", "tasks.x is not a field"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const auto command = parse_command(row.line);
    REQUIRE(!command);
    CHECK(command.error().message == row.message);
    CHECK(command.error().code == ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace sluice::loadgen
