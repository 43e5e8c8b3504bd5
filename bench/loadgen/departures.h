// When connections are told to go, and when they have gone: a line each, for who wants to know at what rate.
//
//   12345.678901 hint
//   12346.012345 end
//
// Seconds of CLOCK_MONOTONIC, which all processes of a machine share, so that the files of several can be read
// together.
#pragma once

#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::loadgen {

/// Threads: one.
class Departures {
 public:
  /// Errors: kUnavailable (the file cannot be written).
  static Result<std::unique_ptr<Departures>> create(const std::string& path);

  void note(SteadyTime at, std::string_view what);
  /// What was noted is in the file after it.
  void flush() { file_.flush(); }

 private:
  explicit Departures(std::ofstream file) : file_(std::move(file)) {}

  std::ofstream file_;
};

}  // namespace sluice::loadgen
