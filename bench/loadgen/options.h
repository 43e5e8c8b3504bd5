// The command line of sluice-loadgen.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/loadgen/echo.h"
#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::loadgen {

/// From ws://ADDR:PORT; an address, never a name.
struct Server {
  sockaddr_in address{};
  std::string host;  ///< "ADDR:PORT", for the Host header.
};

struct Options {
  Server server;                 ///< From --url.
  std::vector<Server> then;      ///< From --then-url A,B: where clients go after their first connection, in turn.
  std::string departures;        ///< A file for every hint and every end; empty: none.
  std::vector<in_addr> sources;  ///< From --source A,B: used in turn; empty lets the kernel choose.
  std::uint32_t clients = 0;     ///< The goal at the start.
  Duration over{0};              ///< How long the way to it takes.
  double connects_per_second = 1'000;
  EchoRules echo;
  double deaf_per_second = 0.3;  ///< --deaf-rate: deaf clients' own echo rate.
  double deaf_share = 0.02;      ///< Clients that negotiate no hints.
  double query_share = 0.3;      ///< Clients that ask for hints by the query instead of the sub-protocol.
  Duration churn_mean{0};
  Duration ping_interval{0};  ///< 0: no pings of our own.
  Duration report_interval{1'000};
  std::uint64_t seed = 0;  ///< 0: from the system's entropy.
  bool help = false;
};

/// `arguments` without the program's name. Errors: kInvalid with one sentence that names the flag.
Result<Options> parse_options(const std::vector<std::string>& arguments);
/// What --help prints.
const char* usage();

}  // namespace sluice::loadgen
