// Revisions of a gateway's template, and what going back to one writes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/table.h"
#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/kube/resource.h"

namespace sluice::cli {

/// One ControllerRevision of the gateway.
struct RevisionView {
  std::int64_t number = 0;
  std::string hash;
  std::string created;  ///< RFC 3339.
  std::string image;    ///< Of the container "gateway"; the operator's where the template names none.
  kube::Json pod_template = kube::Json::object();
};

/// Those that the gateway controls, oldest first.
std::vector<RevisionView> revisions_of(const kube::Json& gateway, const std::vector<kube::Json>& controller_revisions);

/// The revision to go back to: `number`, or for 0 the newest one that the present template is not of. Errors: kInvalid,
/// in kubectl's words.
Result<RevisionView> choose_revision(const kube::Json& gateway, const std::vector<RevisionView>& revisions,
                                     std::int64_t number);

/// A JSON patch that writes the template, if the gateway is still as it was read.
kube::Json rollback_patch(const kube::Json& gateway, const RevisionView& revision);

Table history_table(const kube::Json& gateway, const std::vector<RevisionView>& revisions, WallTime now);

}  // namespace sluice::cli
