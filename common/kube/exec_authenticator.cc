#include "common/kube/exec_authenticator.h"

#include <unistd.h>

#include <optional>
#include <thread>
#include <utility>

#include "common/base/mutex.h"
#include "common/kube/subprocess.h"

namespace sluice::kube {
namespace {

Result<ExecCredential> ask(const ExecPlugin& plugin, const Config& cluster, const CancelSignal& cancel) {
  const std::string where = "credential plugin " + plugin.command;
  const auto failed = [&](const std::string& what) { return Error{ErrorCode::kUnavailable, where + ": " + what}; };
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  if (plugin.interactive == ExecPlugin::Interactive::kAlways && !terminal) {
    return failed("it has to ask at a terminal (interactiveMode Always), and there is none");
  }
  const bool interactive = terminal && plugin.interactive != ExecPlugin::Interactive::kNever;
  ProgramCall call{.program = plugin.command,
                   .args = plugin.args,
                   .env = plugin.env,
                   .at_terminal = interactive,
                   .timeout = ExecAuthenticator::kRunTimeout * (interactive ? 5 : 1)};
  call.env.emplace_back("KUBERNETES_EXEC_INFO", exec_info(plugin, cluster, interactive));
  const Result<ProgramResult> done = run_program(call, cancel);
  if (!done) {
    const bool hint = done.error().code == ErrorCode::kNotFound && !plugin.install_hint.empty();
    return failed(done.error().message + (hint ? "; " + plugin.install_hint : ""));
  }
  if (done->exit_code != 0) {
    const std::string complaint = without_secrets(done->err, plugin);
    return failed("it ended with code " + std::to_string(done->exit_code) +
                  (complaint.empty() ? "" : ": " + complaint));
  }
  Result<ExecCredential> credential = parse_exec_credential(done->out, plugin.api_version);
  if (!credential) return failed(credential.error().message);
  return credential;
}

}  // namespace

struct ExecAuthenticator::Impl {
  const Source source;
  const Clock& clock;

  Mutex mutex;
  Condition changed;
  std::thread thread GUARDED_BY(mutex);
  bool running GUARDED_BY(mutex) = false;
  bool stopping GUARDED_BY(mutex) = false;
  bool refused GUARDED_BY(mutex) = false;
  Held held GUARDED_BY(mutex);
  std::optional<Error> failure GUARDED_BY(mutex);  // of the last run
  SteadyTime last_run GUARDED_BY(mutex){};
  std::uint64_t runs GUARDED_BY(mutex) = 0;  // that have ended

  Impl(Source s, const Clock& c) : source(std::move(s)), clock(c) {}

  [[nodiscard]] bool expired() REQUIRES(mutex) {
    return held.credential->expires && clock.wall() >= *held.credential->expires;
  }
  /// Whether what is held is good, or the best there is for now.
  [[nodiscard]] bool usable() REQUIRES(mutex) {
    if (!held.credential || expired()) return false;
    return !refused || paused();
  }
  [[nodiscard]] bool paused() REQUIRES(mutex) { return runs > 0 && clock.steady() < last_run + kPause; }

  void begin() REQUIRES(mutex) {
    if (thread.joinable()) thread.join();  // its run has ended
    running = true;
    thread = std::thread([this] { run(); });
  }
  void run() {
    Result<ExecCredential> answer = source.run();
    const MutexLock lock(mutex);
    running = false;
    ++runs;
    last_run = clock.steady();
    if (answer) {
      held = {std::make_shared<const ExecCredential>(std::move(*answer)), held.generation + 1};
      failure.reset();
      refused = false;
    } else {
      failure = answer.error();
    }
    changed.notify_all();
  }
};

ExecAuthenticator::ExecAuthenticator(Source source, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(source), clock)) {}

ExecAuthenticator::~ExecAuthenticator() {
  shut_down();
  std::thread thread;
  {
    const MutexLock lock(impl_->mutex);
    thread.swap(impl_->thread);
  }
  if (thread.joinable()) thread.join();
}

Result<ExecAuthenticator::Held> ExecAuthenticator::get(Duration at_most) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + at_most;
  const MutexLock lock(impl_->mutex);
  if (impl_->stopping) return Error{ErrorCode::kUnavailable, "the client is shut down"};
  if (impl_->usable()) return impl_->held;
  if (!impl_->running) {
    if (impl_->failure && impl_->paused()) return *impl_->failure;
    impl_->begin();
  }
  const std::uint64_t runs = impl_->runs;
  while (impl_->runs == runs && !impl_->stopping) {
    if (!impl_->changed.wait_until(impl_->mutex, deadline) && impl_->runs == runs) {
      return Error{ErrorCode::kUnavailable, "the credential plugin has not answered within the call's time"};
    }
  }
  if (impl_->stopping) return Error{ErrorCode::kUnavailable, "the client is shut down"};
  if (impl_->failure) return *impl_->failure;
  return impl_->held;
}

void ExecAuthenticator::refused(std::uint64_t generation) {
  const MutexLock lock(impl_->mutex);
  if (generation == impl_->held.generation) impl_->refused = true;
}

void ExecAuthenticator::shut_down() {
  {
    const MutexLock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  impl_->source.cancel();
}

ExecAuthenticator::Source run_plugin(ExecPlugin plugin, Config cluster) {
  cluster.reload = nullptr;
  const auto cancel = std::make_shared<CancelSignal>();
  return {.run = [plugin = std::move(plugin), cluster = std::move(cluster),
                  cancel] { return ask(plugin, cluster, *cancel); },
          .cancel = [cancel] { cancel->set(); }};
}

}  // namespace sluice::kube
