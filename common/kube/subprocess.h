// Another program, run to its end: bounded in time and output, without a shell, stopped with all that it has started.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::kube {

struct ProgramCall {
  std::string program;  ///< A path, or a name to be found in an absolute folder of $PATH.
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;  ///< Beside our environment; goes before it.
  /// Its stdin and stderr are ours, so that it can ask a person; else stdin is empty and stderr is kept.
  bool at_terminal = false;
  Duration timeout{60'000};
  std::size_t stdout_bytes_max = 1u << 20;
};

struct ProgramResult {
  int exit_code = 0;  ///< 128 + the signal's number where one ended it.
  std::string out;
  std::string err;  ///< The last 4 KiB; may hold secrets.
};

/// Something that a thread waits for beside a program. Threads: any.
class CancelSignal {
 public:
  CancelSignal();
  ~CancelSignal();
  CancelSignal(const CancelSignal&) = delete;
  CancelSignal& operator=(const CancelSignal&) = delete;
  void set() const;
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

/// Errors: kNotFound (no such program), kUnavailable (cannot be started, over its time, cancelled), kInvalid (too much
/// output). None holds an argument, the environment or output.
Result<ProgramResult> run_program(const ProgramCall& call, const CancelSignal& cancel);

}  // namespace sluice::kube
