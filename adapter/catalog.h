// All that answering a request needs to know, made anew at every relist and never changed: rules, resources, the index
// of metrics, discovery's bytes. A request holds on to the one it began with.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "adapter/metric_index.h"
#include "adapter/resource_labels.h"
#include "adapter/resource_map.h"
#include "adapter/rules.h"

namespace sluice::adapter {

/// What is known of one rule's series.
struct RuleListing {
  std::optional<SeriesNames> series;  ///< Nothing until Prometheus has listed them once.
  std::optional<Error> error;         ///< Why the last try failed.
};

/// Immutable. Threads: any.
class Catalog {
 public:
  Catalog(std::shared_ptr<const std::vector<Rule>> rules, ResourceMap resources,
          const std::vector<RuleListing>& listings);
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  [[nodiscard]] const ResourceMap& resources() const { return resources_; }
  [[nodiscard]] const MetricIndex& index() const { return index_; }
  [[nodiscard]] const Rule& rule(std::size_t i) const { return (*rules_)[i]; }
  [[nodiscard]] const ResourceLabels& labels(std::size_t rule) const { return labels_[rule]; }
  /// Why a metric that is not in the index may exist all the same: the first rule whose series were never listed but
  /// will be, as "rule 2: REASON". Empty where there is none: what Prometheus refuses to list it will refuse again, and
  /// a metric of such a rule is as unknown as any.
  [[nodiscard]] const std::string& not_listed() const { return not_listed_; }
  /// APIResourceList; `version` is one of kVersions.
  [[nodiscard]] std::shared_ptr<const std::string> resources_document(std::string_view version) const;

 private:
  const std::shared_ptr<const std::vector<Rule>> rules_;
  const ResourceMap resources_;
  std::vector<ResourceLabels> labels_;  // refer to the two above
  MetricIndex index_;
  std::string not_listed_;
  std::shared_ptr<const std::string> v1beta1_, v1beta2_;
};

/// Where requests find the newest catalog. Threads: any.
class CatalogHolder {
 public:
  /// Null until the first set().
  [[nodiscard]] std::shared_ptr<const Catalog> get() const {
    const std::lock_guard lock(mutex_);
    return catalog_;
  }
  void set(std::shared_ptr<const Catalog> catalog) {
    const std::lock_guard lock(mutex_);
    catalog_.swap(catalog);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Catalog> catalog_;  // guarded by mutex_
};

}  // namespace sluice::adapter
