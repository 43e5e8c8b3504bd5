// What peace must bring about: whether the fleet is as the spec asks for. Pure.
#pragma once

#include <string>

#include "operator/simulation/world.h"

namespace sluice::op::simulation {

/// Why it is not, though nothing disturbs it; empty where it is.
std::string unfinished(const World& world);

/// Whether the newest revision is being judged step by step: for that it needs clients that come and go.
bool is_stepping(const World& world);

}  // namespace sluice::op::simulation
