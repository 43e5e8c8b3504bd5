// What pods do now, from two looks at their counters. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/fleet.h"
#include "cli/table.h"
#include "common/kube/resource.h"

namespace sluice::cli {

struct TopRow {
  std::string ns;
  std::string pod;
  std::string state;
  PodMetrics now;
  double seconds = 0;  ///< Between the looks; 0 where there is but one: no rates then.
  double opened = 0, closed = 0, received = 0, sent = 0;  ///< A second.
  std::optional<double> handshake_p99;                    ///< Seconds.
};

/// Pods of which `second` tells; rates where `first` does, too, and the gateway did not start anew between.
std::vector<TopRow> top_rows(const std::vector<kube::Object>& pods, const LiveFigures& first,
                             const LiveFigures& second);

/// "name", "connections", "messages", "handshakes", "memory": most first, names ascending. False for another word.
bool sort_rows(std::vector<TopRow>& rows, std::string_view by);

Table top_table(const std::vector<TopRow>& rows, bool with_namespace);
kube::Json top_json(const std::vector<TopRow>& rows);

}  // namespace sluice::cli
