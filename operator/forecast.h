// What would come of a spec if nothing else happened: the plan (plan.h) carried out in virtual time on a copy of what
// was observed, by the code that carries it out in earnest. Pure: no call, no clock.
//
// Assumed where only the future knows: pods that are made are ready at once, nobody connects or leaves but by a drain,
// what a drain moves lands on the receivers in equal parts, and a gateway that does not answer now never does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operator/plan.h"

namespace sluice::op {

/// A pod's way out. Times count from the forecast's begin.
struct ForecastDrain {
  std::string pod;
  std::string node;
  std::string revision;
  DrainReason reason = DrainReason::kScaleDown;
  bool running = false;                     ///< Under way already.
  std::optional<std::int64_t> connections;  ///< At its begin (or now, where it runs); unset where nobody knows.
  std::optional<std::int64_t> cost;
  std::string runner_up;  ///< Who would have gone instead.
  std::optional<std::int64_t> runner_up_cost;
  Duration begins{0};
  Duration ends{0};
  double rate = 0;                      ///< The most connections/s that it is granted.
  std::optional<DeleteReason> outcome;  ///< Unset where the forecast ends before.
  std::int64_t cut = 0;                 ///< Connections that its deadline closes beyond the budget.
};

struct Forecast {
  std::vector<ForecastDrain> drains;    ///< In the order they begin.
  std::vector<std::string> deleted;     ///< Pods that hold nothing: deleted without a drain.
  std::vector<std::string> taken_back;  ///< Pods whose drain ends with them serving again.
  int created = 0;
  int live = 0;                  ///< Pods that serve in the end.
  int receivers = 0;             ///< Pods that take connections over in the end.
  Duration duration{0};          ///< Until nothing is left to do that the forecast can see.
  bool complete = false;         ///< Nothing was cut off by the bound on its work.
  std::string objection;         ///< What keeps the next drain from beginning in the end, ...
  std::string objection_reason;  ///< ... and which of plan.h's reasons it is.
};

/// `seen` is taken as it is, however old its states are: victims are chosen as if they had just been heard.
Forecast forecast(const GatewaySpec& spec, const Observed& seen, WallTime now);

}  // namespace sluice::op
