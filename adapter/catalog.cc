#include "adapter/catalog.h"

#include "adapter/api_documents.h"

namespace sluice::adapter {

Catalog::Catalog(std::shared_ptr<const std::vector<Rule>> rules, ResourceMap resources,
                 const std::vector<RuleListing>& listings)
    : rules_(std::move(rules)), resources_(std::move(resources)) {
  labels_.reserve(rules_->size());
  std::vector<std::optional<SeriesNames>> series;
  for (std::size_t i = 0; i < rules_->size(); ++i) {
    labels_.emplace_back((*rules_)[i], resources_);
    series.push_back(listings[i].series);
    const std::optional<Error>& error = listings[i].error;
    const bool passes = !error || error->code == ErrorCode::kUnavailable;
    if (listings[i].series || !passes || !not_listed_.empty()) continue;
    not_listed_ =
        "rule " + std::to_string((*rules_)[i].number) + ": " + (error ? error->message : "its series are being listed");
  }
  index_ = build_index(*rules_, series, labels_);
  v1beta1_ = std::make_shared<const std::string>(render_resources("v1beta1", index_));
  v1beta2_ = std::make_shared<const std::string>(render_resources("v1beta2", index_));
}

std::shared_ptr<const std::string> Catalog::resources_document(std::string_view version) const {
  return version == "v1beta1" ? v1beta1_ : v1beta2_;
}

}  // namespace sluice::adapter
