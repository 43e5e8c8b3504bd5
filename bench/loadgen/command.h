// Commands: one JSON object a line on stdin.
//   {"clients":10000,"over":"30s"}      grow or shrink to so many clients on a straight line
//   {"churn_mean":"40s"}                each client closes with 1000 and comes back; "0" stops it
//   {"rate":0.3}                        echoes a second and client (deaf clients keep their own rate)
//   {"tasks":{"clients":60,"megabytes":8,"per_client":4,"for":"40s"}}
//   {"stop":true}                       every client leaves with 1000; then the final report
// Several may stand in one object.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::loadgen {

struct ClientsCommand {
  std::uint32_t clients = 0;
  Duration over{0};
};

struct TasksCommand {
  std::uint32_t clients = 0;
  std::uint32_t megabytes = 0;   ///< Of each request, 1 to 256.
  std::uint32_t per_client = 1;  ///< Requests in flight, 1 to 64.
  Duration duration{0};          ///< No new requests after it.
};

struct Command {
  std::optional<ClientsCommand> clients;
  std::optional<Duration> churn_mean;
  std::optional<double> rate;
  std::optional<TasksCommand> tasks;
  bool stop = false;
};

/// Errors: kInvalid names the field. Strict: an unknown field is an error.
Result<Command> parse_command(std::string_view line);

/// Clients that one process may be asked to hold: RLIMIT_NOFILE is 20,000 where this was built, and moving clients need
/// a second descriptor each.
constexpr std::uint32_t kClientsMax = 100'000;

}  // namespace sluice::loadgen
