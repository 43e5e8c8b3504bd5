// Credentials from a plugin: asked for once, kept until they expire or are refused. Source: client-go
// plugin/pkg/client/auth/exec.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/kube/exec_credential.h"

namespace sluice::kube {

/// Threads: any. The plugin runs on a thread of its own, one at a time however many calls wait for it, so that a call
/// waits no longer than it may.
class ExecAuthenticator {
 public:
  /// A plugin has as long as this; five times as long where it asks a person.
  static constexpr Duration kRunTimeout{60'000};
  /// After a failure, and between two refusals, it is not asked again sooner: a server that refuses everybody must not
  /// make us start a program for each call.
  static constexpr Duration kPause{1'000};

  /// Answers credentials; `run` and `cancel` (which has it end) are called on different threads.
  struct Source {
    std::function<Result<ExecCredential>()> run;
    std::function<void()> cancel;
  };
  ExecAuthenticator(Source source, const Clock& clock);
  /// Ends a plugin that runs.
  ~ExecAuthenticator();
  ExecAuthenticator(const ExecAuthenticator&) = delete;
  ExecAuthenticator& operator=(const ExecAuthenticator&) = delete;

  struct Held {
    std::shared_ptr<const ExecCredential> credential;
    std::uint64_t generation = 0;  ///< Counts up with each that the plugin has answered.
  };
  /// Errors: kUnavailable (the plugin failed, says why; or has not answered within `at_most`).
  Result<Held> get(Duration at_most);
  /// The server has answered 401 to those of `generation`: new ones are to be asked for, unless they are here already.
  void refused(std::uint64_t generation);
  /// get() answers kUnavailable, now and from now on.
  void shut_down();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Runs `plugin`, told of `cluster`.
ExecAuthenticator::Source run_plugin(ExecPlugin plugin, Config cluster);

}  // namespace sluice::kube
