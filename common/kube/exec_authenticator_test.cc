#include "common/kube/exec_authenticator.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <future>

#include "common/kube/credentials.h"
#include "common/kube/subprocess.h"
#include "common/kube/test_files.h"

namespace sluice::kube {
namespace {

constexpr Duration kLong{20'000};  // reached only by a fault

/// A plugin that answers what the test says and counts how often it was asked.
struct Fixture {
  ManualClock clock;
  std::mutex mutex;
  int asked = 0;
  Result<ExecCredential> next = ExecCredential{.token = "first"};
  ExecAuthenticator authenticator{{.run =
                                       [this] {
                                         const std::lock_guard lock(mutex);
                                         ++asked;
                                         return next;
                                       },
                                   .cancel = [] {}},
                                  clock};

  void answer(Result<ExecCredential> result) {
    const std::lock_guard lock(mutex);
    next = std::move(result);
  }
  int count() {
    const std::lock_guard lock(mutex);
    return asked;
  }
  std::string token() {
    const auto held = authenticator.get(kLong);
    return held ? held->credential->token : held.error().message;
  }
};

/// An executable script, and the plugin that runs it.
ExecPlugin script(const TestFolder& folder, const std::string& text) {
  const std::string path = folder.write("plugin", "#!/bin/sh\n" + text);
  ::chmod(path.c_str(), 0700);
  return {.api_version = "client.authentication.k8s.io/v1",
          .command = path,
          .interactive = ExecPlugin::Interactive::kNever};
}

Config with_plugin(ExecPlugin plugin) {
  Config config;
  config.server = "https://api.test";
  config.exec = std::move(plugin);
  return config;
}

const std::string kAnswerHead = R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":)";

}  // namespace

TEST_CASE("a plugin is asked once, until what it answered expires") {
  Fixture f;
  f.answer(ExecCredential{.token = "short", .expires = f.clock.wall() + 60s});
  CHECK(f.token() == "short");
  f.answer(ExecCredential{.token = "next"});
  f.clock.advance(59s);
  CHECK(f.token() == "short");
  CHECK(f.count() == 1);
  f.clock.advance(1s);
  CHECK(f.token() == "next");
  f.clock.advance(1000h);
  CHECK(f.token() == "next");
  CHECK(f.count() == 2);
}

TEST_CASE("what was refused is asked for again, once however many calls were refused") {
  Fixture f;
  const auto old = f.authenticator.get(kLong);
  REQUIRE(old.ok());
  f.answer(ExecCredential{.token = "second"});
  f.clock.advance(1s);
  f.authenticator.refused(old->generation);
  CHECK(f.token() == "second");
  f.clock.advance(1s);
  f.authenticator.refused(old->generation);  // a call that was under way
  CHECK(f.token() == "second");
  CHECK(f.count() == 2);
}

TEST_CASE("a server that refuses everybody has the plugin run once a second, not for each call") {
  Fixture f;
  CHECK(f.token() == "first");
  for (int i = 0; i < 10; ++i) {
    f.authenticator.refused(f.authenticator.get(kLong)->generation);
    CHECK(f.token() == "first");
  }
  CHECK(f.count() == 1);
  f.clock.advance(1s);
  CHECK(f.token() == "first");
  CHECK(f.count() == 2);
}

TEST_CASE("a plugin that fails is not asked again within a second, and its word is passed on") {
  Fixture f;
  f.answer(Error{ErrorCode::kUnavailable, "no session"});
  CHECK(f.token() == "no session");
  f.answer(ExecCredential{.token = "good"});
  CHECK(f.token() == "no session");
  CHECK(f.count() == 1);
  f.clock.advance(1s);
  CHECK(f.token() == "good");
}

TEST_CASE("calls wait for one run of a plugin, and no longer than they may") {
  const SystemClock clock;
  std::promise<void> go;
  const std::shared_future<void> gone = go.get_future().share();
  std::atomic<int> asked = 0;
  ExecAuthenticator authenticator({.run = [&]() -> Result<ExecCredential> {
                                     ++asked;
                                     gone.wait();
                                     return ExecCredential{.token = "late"};
                                   },
                                   .cancel = [] {}},
                                  clock);
  CHECK(authenticator.get(1ms).error().code == ErrorCode::kUnavailable);
  std::vector<std::future<Result<ExecAuthenticator::Held>>> calls;
  for (int i = 0; i < 4; ++i) {
    calls.push_back(std::async(std::launch::async, [&] { return authenticator.get(kLong); }));
  }
  go.set_value();
  for (auto& call : calls) CHECK(call.get()->credential->token == "late");
  CHECK(asked == 1);
}

TEST_CASE("the end of a client ends a plugin that runs, and all that it has started") {
  const TestFolder folder;
  const std::string fifo = folder.path("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  // Both hold the pipe open to write: it ends when both have gone.
  const Config config = with_plugin(script(folder, "exec 3> '" + fifo + "'\nsleep 1000 &\nsleep 1000\n"));
  Credentials credentials(config);
  auto call = std::async(std::launch::async, [&] { return credentials.current(SteadyTime{1h}, kLong); });
  std::ifstream running(fifo);  // opens once the plugin has opened it, too
  credentials.shut_down();
  CHECK(call.get().error().code == ErrorCode::kUnavailable);
  CHECK(running.get() == std::ifstream::traits_type::eof());
}

TEST_CASE("a plugin is run with its words, its environment and what it is to know") {
  const TestFolder folder;
  ExecPlugin plugin =
      script(folder,
             "cat > /dev/null\n"  // stdin is empty
             "printf '%s' \"$KUBERNETES_EXEC_INFO\" > '" +
                 folder.path("info") +
                 "'\n"
                 "printf '" +
                 kAnswerHead + "{\"token\":\"%s-%s-%s\"}}' \"$(echo \"$1\" | tr ' ' _)\" \"$2\" \"$REGION\"\n");
  plugin.args = {"a b", "$HOME;`id`"};
  plugin.env = {{"REGION", "west"}};
  plugin.provide_cluster_info = true;
  Credentials credentials(with_plugin(plugin));
  const auto current = credentials.current(SteadyTime{1h}, kLong);
  REQUIRE(current.ok());
  CHECK(current->token == "a_b-$HOME;`id`-west");
  CHECK(read_small_file(folder.path("info"))->find(R"("server":"https://api.test")") != std::string::npos);
}

TEST_CASE("what goes wrong with a plugin is told by its name, without secrets") {
  const TestFolder folder;
  const auto message = [](const ExecPlugin& plugin) {
    Credentials credentials(with_plugin(plugin));
    const auto current = credentials.current(SteadyTime{1h}, kLong);
    REQUIRE(!current.ok());
    CHECK(current.error().code == ErrorCode::kUnavailable);
    return current.error().message;
  };
  ExecPlugin plugin = script(folder, "echo 'token: s3cret is bad' >&2; exit 3");
  CHECK(message(plugin) == "credential plugin " + plugin.command + ": it ended with code 3: token: (hidden) is bad");
  plugin = script(folder, "kill -9 $$");
  CHECK(message(plugin) == "credential plugin " + plugin.command + ": it ended with code 137");
  plugin = script(folder, "echo s3cret");
  CHECK(message(plugin) == "credential plugin " + plugin.command + ": it did not answer with a JSON object");
  plugin = script(folder, "exec cat /dev/zero");
  CHECK(message(plugin) == "credential plugin " + plugin.command + ": wrote more than 1048576 bytes");
  plugin.command = "no-such-plugin";
  plugin.install_hint = "install it";
  CHECK(message(plugin) ==
        "credential plugin no-such-plugin: is no program that can be found and executed; install it");
  plugin = script(folder, "true");
  plugin.interactive = ExecPlugin::Interactive::kAlways;
  if (::isatty(0) == 0) CHECK(message(plugin).find("interactiveMode Always") != std::string::npos);
}

TEST_CASE("a program that does not end is ended in time") {
  const TestFolder folder;
  const ExecPlugin plugin = script(folder, "sleep 1000");
  const CancelSignal cancel;
  const Result<ProgramResult> result = run_program({.program = plugin.command, .timeout = 50ms}, cancel);
  REQUIRE(!result.ok());
  CHECK(result.error().message == "has not ended within 50 ms");
}

TEST_CASE("a program is done when it ends, though what it left behind holds its pipes") {
  const TestFolder folder;
  const ExecPlugin plugin = script(folder, "sleep 1000 & echo done");
  const CancelSignal cancel;
  const Result<ProgramResult> result = run_program({.program = plugin.command, .timeout = kLong}, cancel);
  REQUIRE(result.ok());
  CHECK(result->out == "done\n");
  CHECK(result->exit_code == 0);
}

}  // namespace sluice::kube
