// sluice-loadgen: wires the command line, stdin, the clients and the reports together.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "bench/loadgen/command.h"
#include "bench/loadgen/network.h"
#include "bench/loadgen/options.h"
#include "bench/loadgen/population.h"
#include "common/base/log.h"
#include "common/base/stop_signal.h"

namespace sluice::loadgen {
namespace {

constexpr Duration kTick = 10ms;
// Longer than the answers' and the Close frame's wait together, so that each client may end by itself.
constexpr Duration kStopWait = 40s;
static_assert(kStopWait > std::max(EchoWorkload::kAnswersWait, TaskWorkload::kAnswersWait) + ClientRules{}.close_wait);
constexpr std::size_t kLineBytesMax = 1 << 16;

void print(const nlohmann::ordered_json& json) {
  const std::string line = json.dump() + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

// Cuts stdin into lines and gives each to the population. A wrong command is answered with an error line.
class CommandInput {
 public:
  explicit CommandInput(Population& population) : population_(population) {}

  // Returns false at the end of the input.
  bool read() {
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got <= 0) return false;
    buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    for (std::size_t end = buffer_.find('\n'); end != std::string::npos; end = buffer_.find('\n')) {
      obey(buffer_.substr(0, end));
      buffer_.erase(0, end + 1);
    }
    if (buffer_.size() > kLineBytesMax) buffer_.clear();
    return true;
  }

 private:
  void obey(const std::string& line) {
    if (line.empty()) return;
    const Result<Command> command = parse_command(line);
    if (command) {
      population_.obey(*command);
    } else {
      print({{"error", command.error().message}});
    }
  }

  Population& population_;
  std::string buffer_;
};

int run(const Options& options) {
  StopSignal signal;
  const SystemClock clock;
  Random random(options.seed != 0 ? options.seed : Random::entropy());
  Tally tally;
  Population population(options, clock, tally, random);
  auto network = Network::create(options, population, tally, random);
  if (!network) {
    log_error("cannot start", {{"error", network.error().message}});
    return 1;
  }
  population.attach(**network);
  std::unique_ptr<Departures> departures;
  if (!options.departures.empty()) {
    auto created = Departures::create(options.departures);
    if (!created) {
      log_error("cannot start", {{"error", created.error().message}});
      return 1;
    }
    departures = std::move(*created);
    population.attach(*departures);
  }
  CommandInput input(population);
  const auto stop = [&] { population.obey({.stop = true}); };
  const Status stdin_watched = (*network)->watch(STDIN_FILENO, [&] {
    if (input.read()) return;
    (*network)->unwatch(STDIN_FILENO);
    stop();
  });
  // epoll refuses a regular file and /dev/null, neither of which can carry commands in their time.
  if (!stdin_watched) log_warn("stdin takes no commands", {{"error", stdin_watched.error().message}});
  if (const Status watched = (*network)->watch(signal.descriptor(), stop); !watched) {
    log_error("cannot start", {{"error", watched.error().message}});
    return 1;
  }
  SteadyTime next_report = clock.steady() + options.report_interval;
  SteadyTime stop_by = kNever;
  while (!(population.stopping() && (population.empty() || clock.steady() >= stop_by))) {
    (*network)->poll(kTick);
    population.tick();
    const SteadyTime now = clock.steady();
    if (population.stopping() && stop_by == kNever) {
      stop_by = now + kStopWait;
      (*network)->unwatch(signal.descriptor());
    }
    if (now < next_report) continue;
    next_report = std::max(next_report + options.report_interval, now);
    print(report(tally, population.gauges()));
    if (departures) departures->flush();
  }
  print({{"final", report(tally, population.gauges())}});
  return 0;
}

}  // namespace
}  // namespace sluice::loadgen

int main(int argc, char** argv) {
  const auto options = sluice::loadgen::parse_options({argv + 1, argv + argc});
  if (!options) {
    std::fprintf(stderr, "sluice-loadgen: %s\n", options.error().message.c_str());
    return 1;
  }
  if (options->help) {
    std::fputs(sluice::loadgen::usage(), stdout);
    return 0;
  }
  return sluice::loadgen::run(*options);
}
