// What is known of the API server's resources, read group version by group version. One that cannot be read for a
// moment (an aggregated API that restarts) keeps what it had for as long as the API server lists it.
#pragma once

#include <optional>
#include <vector>

#include "adapter/resource_map.h"
#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/result.h"

namespace sluice::adapter {

/// The API server's discovery. Threads: any; blocks.
class ResourceApi {
 public:
  virtual ~ResourceApi() = default;
  /// All group versions in the server's order, the core group first.
  virtual Result<std::vector<GroupVersion>> group_versions() = 0;
  virtual Result<std::vector<ResourceKind>> resources(const GroupVersion& version) = 0;
};

/// Threads: one.
class KnownResources {
 public:
  /// References live longer.
  KnownResources(ResourceApi& api, const Clock& clock, MetricsRegistry& metrics);

  /// Lists the group versions and reads each of them. Our own groups are left out: asking for them would come back to
  /// us.
  void read_all();
  /// Reads what could not be read the last time.
  void read_failed();

  /// Whether all is as the API server has it.
  [[nodiscard]] bool good() const;
  /// Whether the core group was ever read: without it nothing can be answered.
  [[nodiscard]] bool usable() const;
  [[nodiscard]] ResourceMap map() const;

  /// One reading ends after it, whatever is left: the rest counts as failed.
  static constexpr Duration kBudget{20'000};

 private:
  struct Group {
    GroupVersion version;
    std::optional<std::vector<ResourceKind>> resources;  // nothing until they were read once
    std::optional<Error> error;                          // why the last reading failed
  };
  void read_groups(bool only_failed);
  void note(std::optional<Error>& before, std::optional<Error> now, const std::string& what);

  ResourceApi& api_;
  const Clock& clock_;
  const Counter failures_;
  std::vector<Group> groups_;  // in the server's order
  std::optional<Error> list_error_ = Error{ErrorCode::kUnavailable, "not asked yet"};
};

}  // namespace sluice::adapter
