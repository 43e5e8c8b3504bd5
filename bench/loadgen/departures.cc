#include "bench/loadgen/departures.h"

#include <cstdio>
#include <utility>

namespace sluice::loadgen {

Result<std::unique_ptr<Departures>> Departures::create(const std::string& path) {
  std::ofstream file(path, std::ios::trunc);
  if (!file) return Error{ErrorCode::kUnavailable, path + " cannot be written"};
  return std::unique_ptr<Departures>(new Departures(std::move(file)));
}

void Departures::note(SteadyTime at, std::string_view what) {
  char time[32];
  std::snprintf(time, sizeof time, "%.6f ", std::chrono::duration<double>(at.time_since_epoch()).count());
  file_ << time << what << '\n';
}

}  // namespace sluice::loadgen
