#include "common/kube/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace sluice::kube {
namespace {

constexpr std::size_t kStderrBytesKept = 4096;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) reset(std::exchange(other.number_, -1));
    return *this;
  }
  void reset(int number = -1) {
    if (number_ >= 0) ::close(number_);
    number_ = number;
  }
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

Error failed(const std::string& what) {
  return {ErrorCode::kUnavailable,
          what + ": " + std::strerror(errno)};  // NOLINT(concurrency-mt-unsafe): glibc's is safe
}

struct Pipe {
  Descriptor ours;
  Descriptor theirs;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed("cannot make a pipe");
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

/// As a shell finds it, but never in the current folder. "" where it is not there.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return is_program(name) ? name : "";
  const char* variable = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nothing sets the environment
  const std::string paths = variable == nullptr ? "" : variable;
  for (std::size_t begin = 0; begin <= paths.size();) {
    const auto end = std::min(paths.find(':', begin), paths.size());
    const std::string folder = paths.substr(begin, end - begin);
    begin = end + 1;
    if (folder.empty() || folder.front() != '/') continue;
    if (std::string path = folder + "/" + name; is_program(path)) return path;
  }
  return "";
}

/// Our environment with `added` before it.
std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> out;
  for (const auto& [name, value] : added) out.push_back(name + "=" + value);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    const bool replaced = std::any_of(added.begin(), added.end(), [&](const auto& pair) { return pair.first == name; });
    if (!replaced) out.emplace_back(text);
  }
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// A child that runs; what is left of it is killed and reaped.
class Child {
 public:
  Child(pid_t pid, bool leads_group) : pid_(pid), leads_group_(leads_group) {}
  ~Child() {
    // The group, too, where the program itself has ended: what it left behind must not outlive the call.
    if (leads_group_) (void)::kill(-pid_, SIGKILL);
    if (reaped_) return;
    (void)::kill(pid_, SIGKILL);
    (void)reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Waits for its end.
  int reap() {
    int status = 0;
    // Without WNOWAIT below the group's number could be another's by the time it is killed.
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    if (leads_group_) (void)::kill(-pid_, SIGKILL);
    leads_group_ = false;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  const pid_t pid_;
  bool leads_group_;
  bool reaped_ = false;
};

/// What to do with descriptors and signals between fork and exec. Freed at the end.
struct SpawnPlan {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};

  SpawnPlan(const ProgramCall& call, const Pipe& out, const Pipe& err) {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, out.theirs.get(), STDOUT_FILENO);
    if (!call.at_terminal) {
      posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
      posix_spawn_file_actions_adddup2(&actions, err.theirs.get(), STDERR_FILENO);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    // Threads of ours block signals and ignore some; a program expects neither.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    // In a group of its own it could not read from the terminal.
    const int group = call.at_terminal ? 0 : POSIX_SPAWN_SETPGROUP;
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group));
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
};

/// Appends what is there. False at the end of the pipe.
bool read_into(int pipe, std::string& text) {
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(pipe, buffer.data(), buffer.size());
  if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

void keep_tail(std::string& text) {
  if (text.size() > kStderrBytesKept) text.erase(0, text.size() - kStderrBytesKept);
}

/// All that is in a pipe now; no more than `bytes_max`.
void drain(int pipe, std::string& text, std::size_t bytes_max) {
  if (pipe < 0) return;
  for (std::size_t before = text.size() + 1; text.size() != before && text.size() <= bytes_max;) {
    before = text.size();
    (void)read_into(pipe, text);
  }
}

/// Reads until the program has ended; its pipes may stay open in what it has started.
Status collect(const ProgramCall& call, int process, const CancelSignal& cancel, Pipe& out, Pipe& err,
               ProgramResult& result) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + call.timeout;
  for (;;) {
    const auto left = std::chrono::ceil<Duration>(deadline - std::chrono::steady_clock::now());
    if (left <= Duration(0)) {
      return Error{ErrorCode::kUnavailable, "has not ended within " + std::to_string(call.timeout.count()) + " ms"};
    }
    std::array<pollfd, 4> waits = {pollfd{process, POLLIN, 0}, pollfd{cancel.descriptor(), POLLIN, 0},
                                   pollfd{out.ours.get(), POLLIN, 0}, pollfd{err.ours.get(), POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) {
      return failed("cannot wait for it");
    }
    if (waits[1].revents != 0) return Error{ErrorCode::kUnavailable, "was stopped: the client is shut down"};
    if (waits[2].revents != 0 && !read_into(out.ours.get(), result.out)) out.ours.reset();
    if (waits[3].revents != 0 && !read_into(err.ours.get(), result.err)) err.ours.reset();
    keep_tail(result.err);
    const bool ended = waits[0].revents != 0;
    if (ended) {
      drain(out.ours.get(), result.out, call.stdout_bytes_max);
      drain(err.ours.get(), result.err, 16 * kStderrBytesKept);
      keep_tail(result.err);
    }
    if (result.out.size() > call.stdout_bytes_max) {
      return Error{ErrorCode::kInvalid, "wrote more than " + std::to_string(call.stdout_bytes_max) + " bytes"};
    }
    if (ended) return Status::success();
  }
}

}  // namespace

CancelSignal::CancelSignal() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

CancelSignal::~CancelSignal() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void CancelSignal::set() const {
  (void)::eventfd_write(descriptor_, 1);
}

Result<ProgramResult> run_program(const ProgramCall& call, const CancelSignal& cancel) {
  const std::string path = find_program(call.program);
  if (path.empty()) return Error{ErrorCode::kNotFound, "is no program that can be found and executed"};
  Result<Pipe> out = make_pipe();
  if (!out) return out.error();
  Result<Pipe> err = make_pipe();
  if (!err) return err.error();
  std::vector<std::string> words{call.program};
  words.insert(words.end(), call.args.begin(), call.args.end());
  std::vector<std::string> environment = environment_with(call.env);
  pid_t pid = 0;
  {
    const SpawnPlan plan(call, *out, *err);
    const int fault = ::posix_spawn(&pid, path.c_str(), &plan.actions, &plan.attributes, pointers(words).data(),
                                    pointers(environment).data());
    if (fault != 0) {
      errno = fault;
      return failed("cannot be started");
    }
  }
  Child child(pid, !call.at_terminal);
  out->theirs.reset();
  err->theirs.reset();
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (process.get() < 0) return failed("cannot be waited for");
  ProgramResult result;
  if (Status done = collect(call, process.get(), cancel, *out, *err, result); !done) return done.error();
  result.exit_code = child.reap();
  return result;
}

}  // namespace sluice::kube
