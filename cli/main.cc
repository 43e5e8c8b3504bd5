// kubectl-rtgw: reads the command line, connects, runs one command. `kubectl rtgw ...` calls it from $PATH; by the name
// kubectl_complete-rtgw kubectl asks it for completions.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/command_table.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/error_text.h"
#include "cli/look_up.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/waker.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/base/stop_signal.h"

namespace sluice::cli {
namespace {

constexpr const char* kUserAgent = "kubectl-rtgw/" SLUICE_VERSION;
constexpr int kFailed = 1;
/// As a shell has it for a program that ctrl-C has ended.
constexpr int kInterrupted = 130;
/// A person waits for a completion.
constexpr Duration kLookUpTimeout{3'000};

using Run = Status (*)(Session&, const Parsed&);

Run run_of(const std::string& command) {
  static constexpr std::pair<const char*, Run> kRuns[] = {
      {"plan", run_plan},         {"status", run_status},   {"top", run_top},       {"drain", run_drain},
      {"undrain", run_undrain},   {"pause", run_pause},     {"resume", run_resume}, {"promote", run_promote},
      {"rollback", run_rollback}, {"history", run_history}, {"events", run_events}};
  for (const auto& [name, run] : kRuns) {
    if (command == name) return run;
  }
  return nullptr;
}

int fail(const Error& error) {
  std::fprintf(stderr, "%s\n", error_text(error).c_str());
  return kFailed;
}

int complete_words(const std::vector<std::string>& words) {
  const LookUp look_up = [](Values values, const Parsed& parsed) -> std::vector<std::string> {
    Result<kube::Config> config = connection_of(parsed);
    if (!config) return {};
    if (config->request_timeout <= Duration(0)) config->request_timeout = kLookUpTimeout;
    kube::Client client(*std::move(config), kUserAgent, nullptr);
    return look_up_names(client, values, parsed);
  };
  std::fputs(complete(words, all_commands(), global_flags(), look_up).c_str(), stdout);
  return 0;
}

Status run_offline(const Parsed& parsed, Terminal& terminal) {
  if (std::string_view(parsed.command->name) == "completion") {
    const std::string script = completion_script(parsed.arguments.front());
    if (script.empty())
      return Error{ErrorCode::kInvalid, "unsupported shell \"" + parsed.arguments.front() + "\": bash, zsh or fish"};
    terminal.write(script);
    return Status::success();
  }
  const Result<Output> output = output_of(parsed);
  if (!output) return output.error();
  if (*output == Output::kTable) {
    terminal.write("kubectl-rtgw " SLUICE_VERSION "\n");
  } else {
    print_object(terminal, {{"clientVersion", SLUICE_VERSION}}, *output);
  }
  return Status::success();
}

/// Ends what a watching command still waits for as soon as it is to end: nobody who has pressed ctrl-C waits for an API
/// server that does not answer.
class Hurry {
 public:
  Hurry(StopSignal& stop, kube::Client& client) : waker_(stop), thread_([this, &client] { run(client); }) {}
  ~Hurry() {
    waker_.wake();
    thread_.join();
  }
  Hurry(const Hurry&) = delete;
  Hurry& operator=(const Hurry&) = delete;

 private:
  void run(kube::Client& client) {
    Waker::Why why = Waker::Why::kTime;
    while (why == Waker::Why::kTime) why = waker_.wait(1h);
    if (why == Waker::Why::kStopped) client.shut_down();
  }

  Waker waker_;
  std::thread thread_;
};

int run_online(const Parsed& parsed, Terminal& terminal, StopSignal* stop) {
  const Result<kube::Config> config = connection_of(parsed);
  if (!config) return fail(config.error());
  Random random(Random::entropy());
  kube::Client client(*config, kUserAgent, nullptr);
  std::optional<Hurry> hurry;
  if (stop != nullptr) hurry.emplace(*stop, client);
  Session session{.client = client,
                  .clock = kSystemClock,
                  .random = random,
                  .stop = stop,
                  .ns = parsed.on("all-namespaces") ? "" : client.default_namespace(),
                  .terminal = terminal};
  const Status done = run_of(parsed.command->name)(session, parsed);
  if (stop != nullptr && stop->wait_for(Duration(0))) return kInterrupted;
  return done ? 0 : fail(done.error());
}

int run(const std::vector<std::string>& words) {
  const Result<Parsed> parsed = parse_arguments(words, all_commands(), global_flags());
  if (!parsed) {
    std::fprintf(stderr, "%s\nSee 'kubectl rtgw --help' for usage.\n", error_text(parsed.error()).c_str());
    return kFailed;
  }
  if (parsed->help || parsed->command == nullptr) {
    std::fputs(help_text(parsed->command).c_str(), stdout);
    return 0;
  }
  // Before any thread. A command that does not watch is simply ended by a signal.
  std::optional<StopSignal> stop;
  if (parsed->on("watch")) stop.emplace();
  Terminal terminal(stdout);
  if (!parsed->command->needs_cluster) {
    const Status done = run_offline(*parsed, terminal);
    return done ? 0 : fail(done.error());
  }
  return run_online(*parsed, terminal, stop ? &*stop : nullptr);
}

}  // namespace
}  // namespace sluice::cli

int main(int argc, char** argv) {
  // A peer that closes its connection is an answer and not our end; a reader of our output that goes away is seen where
  // it is written.
  std::signal(SIGPIPE, SIG_IGN);
  // What a person needs to know is printed; a line of a log in between would tear a frame.
  sluice::set_log_level(sluice::LogLevel::kError);
  const std::vector<std::string> words(argv + 1, argv + argc);
  const bool by_kubectl = std::filesystem::path(argv[0]).filename() == "kubectl_complete-rtgw";
  if (by_kubectl) return sluice::cli::complete_words(words);
  if (!words.empty() && words.front() == "__complete")
    return sluice::cli::complete_words({words.begin() + 1, words.end()});
  return sluice::cli::run(words);
}
