// Why a RealtimeGateway makes no progress, as conditions and events say it.
#pragma once

#include <string>

namespace sluice::op {

struct Problem {
  std::string reason;   ///< CamelCase; empty where there is none.
  std::string message;  ///< A sentence, the API server's where it has one.
};

}  // namespace sluice::op
