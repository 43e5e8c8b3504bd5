// Kubernetes label selectors as they stand in a URL: "app=edge,tier in (a,b),!old". Read as strictly as client-go reads
// them, so that what passes here holds no character that PromQL or a URL could take amiss.
// Source: k8s.io/apimachinery pkg/labels (Parse), metav1.LabelSelector.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace sluice::adapter {

struct Requirement {
  enum class Operator { kEquals, kNotEquals, kIn, kNotIn, kExists, kDoesNotExist, kGreaterThan, kLessThan };
  std::string key;
  Operator op = Operator::kExists;
  std::vector<std::string> values;  ///< Sorted, without doubles; one for the equalities, none for existence.
};

class LabelSelector {
 public:
  LabelSelector() = default;
  /// The empty text selects everything. Errors: kInvalid, with what was found and what was expected.
  static Result<LabelSelector> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return requirements_.empty(); }
  /// Sorted by key.
  [[nodiscard]] const std::vector<Requirement>& requirements() const { return requirements_; }

  using Lookup = std::function<std::optional<std::string_view>(std::string_view key)>;
  /// Whether an object with these labels is selected; `lookup` answers nothing where a label is absent.
  [[nodiscard]] bool matches(const Lookup& lookup) const;

  /// The text that parse() reads again, normalised.
  [[nodiscard]] std::string text() const;
  /// metav1.LabelSelector; null where the selector is empty. Errors: kInvalid for "greater" and "less", which it cannot
  /// express.
  [[nodiscard]] Result<nlohmann::json> to_json() const;

 private:
  std::vector<Requirement> requirements_;
};

}  // namespace sluice::adapter
