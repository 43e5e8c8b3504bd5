#include "bench/loadgen/options.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>

namespace sluice::loadgen {
namespace {

TEST_CASE("all flags are read, in both spellings") {
  const auto options = parse_options({"--url",
                                      "ws://10.96.0.7:8080/",
                                      "--then-url=ws://10.96.0.8:8080,ws://10.96.0.9:8081",
                                      "--source=10.98.0.2,10.98.0.3",
                                      "--departures=/tmp/departures",
                                      "--clients",
                                      "10000",
                                      "--over=30s",
                                      "--connect-rate",
                                      "500",
                                      "--rate",
                                      "0.25",
                                      "--payload-bytes",
                                      "100",
                                      "--deaf-share",
                                      "0.1",
                                      "--deaf-rate",
                                      "0.02",
                                      "--query-share",
                                      "0.5",
                                      "--churn-mean",
                                      "40s",
                                      "--ping-interval",
                                      "20s",
                                      "--report-interval",
                                      "500ms",
                                      "--seed",
                                      "7"});
  REQUIRE(options);
  CHECK(options->server.host == "10.96.0.7:8080");
  CHECK(ntohs(options->server.address.sin_port) == 8080);
  CHECK(ntohl(options->server.address.sin_addr.s_addr) == 0x0A600007);
  REQUIRE(options->then.size() == 2);
  CHECK(options->then[1].host == "10.96.0.9:8081");
  CHECK(options->departures == "/tmp/departures");
  REQUIRE(options->sources.size() == 2);
  CHECK(ntohl(options->sources[1].s_addr) == 0x0A620003);
  CHECK(options->clients == 10'000);
  CHECK(options->over == 30s);
  CHECK(options->connects_per_second == 500);
  CHECK(options->echo.per_second == 0.25);
  CHECK(options->echo.payload_bytes == 100);
  CHECK(options->deaf_share == 0.1);
  CHECK(options->deaf_per_second == 0.02);
  CHECK(options->query_share == 0.5);
  CHECK(options->churn_mean == 40s);
  CHECK(options->ping_interval == 20s);
  CHECK(options->report_interval == 500ms);
  CHECK(options->seed == 7);
}

TEST_CASE("a wrong command line names the flag") {
  struct Row {
    const char* name;
    std::vector<std::string> arguments;
    const char* message;
  };
  const Row rows[] = {
      {"nothing", {}, "--url is required"},
      {"an unknown flag", {"--uri", "x"}, "--uri is not a flag; see --help"},
      {"no value", {"--url"}, "--url needs a value"},
      {"a name instead of an address", {"--url", "ws://edge:8080"}, "--url cannot be \"ws://edge:8080\"; see --help"},
      {"no port", {"--url", "ws://10.0.0.1"}, "--url cannot be \"ws://10.0.0.1\"; see --help"},
      {"TLS", {"--url", "wss://10.0.0.1:1"}, "--url cannot be \"wss://10.0.0.1:1\"; see --help"},
      {"a port too many", {"--url", "ws://10.0.0.1:65536"}, "--url cannot be \"ws://10.0.0.1:65536\"; see --help"},
      {"an empty second server",
       {"--then-url", "ws://10.0.0.1:1,"},
       "--then-url cannot be \"ws://10.0.0.1:1,\"; see --help"},
      {"an empty source", {"--source", "10.0.0.1,"}, "--source cannot be \"10.0.0.1,\"; see --help"},
      {"a share above one", {"--deaf-share", "1.1"}, "--deaf-share cannot be \"1.1\"; see --help"},
      {"not a number", {"--rate", "nan"}, "--rate cannot be \"nan\"; see --help"},
      {"a payload without room for its header", {"--payload-bytes=31"}, "--payload-bytes cannot be \"31\"; see --help"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto options = parse_options(row.arguments);
    REQUIRE(!options);
    CHECK(options.error().message == row.message);
  }
  CHECK(parse_options({"--help"})->help);
}

}  // namespace
}  // namespace sluice::loadgen
