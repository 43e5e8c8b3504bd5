// The operator's answer to "what would N replicas bring" (operator/debug_plan.h) for a person. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/table.h"
#include "common/kube/resource.h"

namespace sluice::cli {

std::vector<std::string> plan_lines(const kube::Json& plan, const Look& look);

/// The answer as this program's -o json and yaml give it: with apiVersion, kind and who has answered.
kube::Json plan_json(kube::Json plan, const std::string& answered_by);

}  // namespace sluice::cli
