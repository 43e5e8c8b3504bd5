// sluice-gateway: reads its arguments and configuration, starts a Gateway, waits for its end.
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "common/base/log.h"
#include "common/base/stop_signal.h"
#include "gateway/config.h"
#include "gateway/descriptors.h"
#include "gateway/gateway.h"

namespace sluice::gateway {
namespace {

constexpr const char* kUsage =
    "usage: sluice-gateway [--config FILE] [--check] [--version]\n"
    "  --config FILE  YAML; without it every field has its default\n"
    "  --check        read the configuration, say what is wrong with it, exit\n";

struct Arguments {
  std::string config_path;
  bool check = false;
};

/// Lets the process use all the descriptors it may have. Where they are too few, limits.connections is cut to them and
/// that is said: a client that gets 503 goes elsewhere, one whose socket cannot be accepted hangs. False where they do
/// not suffice for a gateway at all.
bool fit_to_descriptors(Config& config) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  const std::uint32_t most = connections_within(limit.rlim_cur, config.shards, config.limits.connections);
  if (most == 0) {
    std::fprintf(stderr, "sluice-gateway: %llu descriptors are too few: with shards: %d it needs more than %llu\n",
                 static_cast<unsigned long long>(limit.rlim_cur), config.shards,
                 static_cast<unsigned long long>(reserved_descriptors(config.shards)));
    return false;
  }
  if (most < config.limits.connections) {
    log_warn("descriptors allow fewer connections than limits.connections",
             {{"descriptors", limit.rlim_cur}, {"configured", config.limits.connections}, {"connections", most}});
  }
  config.limits.connections = most;
  return true;
}

/// Takes a pending signal, so that the next one can be told from it.
void take_signal(const StopSignal& stop) {
  signalfd_siginfo ignored{};
  static_cast<void>(!::read(stop.descriptor(), &ignored, sizeof(ignored)));
}

int run(Config config, StopSignal& stop) {
  set_log_level(config.log_level);
  if (!fit_to_descriptors(config)) return 1;
  const SystemClock clock;
  const auto gateway = Gateway::start(config, clock, Random::entropy());
  if (!gateway) {
    std::fprintf(stderr, "sluice-gateway: %s\n", gateway.error().message.c_str());
    return 1;
  }
  const Ports& ports = (*gateway)->ports();
  log_info("gateway started", {{"version", SLUICE_VERSION},
                               {"shards", config.shards},
                               {"listen", ports.listen},
                               {"tls", ports.tls},
                               {"admin", ports.admin},
                               {"metrics", ports.metrics}});
  stop.wait();
  take_signal(stop);
  (*gateway)->terminate();
  const SteadyTime until = clock.steady() + config.drain.termination_grace;
  while (!(*gateway)->drained() && clock.steady() < until) {
    if (stop.wait_for(50ms)) {
      log_warn("second signal: stopping at once");
      return 0;
    }
  }
  log_info("gateway stopped", {{"drained", (*gateway)->drained()}});
  return 0;
}

}  // namespace
}  // namespace sluice::gateway

int main(int argc, char** argv) {
  using namespace sluice;           // NOLINT(google-build-using-namespace)
  using namespace sluice::gateway;  // NOLINT(google-build-using-namespace)
  StopSignal stop;                  // First: every thread inherits the blocked signals.
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--config" && i + 1 < argc) {
      arguments.config_path = argv[++i];
    } else if (argument == "--check") {
      arguments.check = true;
    } else if (argument == "--version") {
      std::puts(SLUICE_VERSION);
      return 0;
    } else {
      std::fputs(kUsage, argument == "--help" ? stdout : stderr);
      return argument == "--help" ? 0 : 2;
    }
  }
  const auto config = arguments.config_path.empty() ? default_config(process_environment())
                                                    : load_config(arguments.config_path, process_environment());
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return 1;
  }
  return arguments.check ? 0 : run(*config, stop);
}
