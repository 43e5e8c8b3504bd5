// Discovery: what the aggregator and every client read before they ask for a metric. Rendered once a relist, since each
// kube-apiserver probes it several times a minute. Source: meta/v1 APIGroupList, APIGroup, APIResourceList.
#pragma once

#include <string>
#include <string_view>

#include "adapter/metric_index.h"

namespace sluice::adapter {

std::string render_group_list();
std::string render_group();
/// The metrics as resources "pods/METRIC". Never none: clients since client-go 0.26 complain at every command about a
/// group without resources, so one entry then says why the list is empty.
std::string render_resources(std::string_view version, const MetricIndex& index);
/// What `kubectl version` would show of us.
std::string render_server_version();

}  // namespace sluice::adapter
