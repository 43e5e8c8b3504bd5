// Asks the API server, by a dry run, whether it would take a pod of a template: it knows best, and says it best.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "common/base/clock.h"
#include "common/kube/client.h"

namespace sluice::op {

/// Threads: any.
class TemplateCheck {
 public:
  /// References outlive this.
  TemplateCheck(kube::Client& client, const Clock& clock) : client_(client), clock_(clock) {}

  /// The API server's sentence where it refuses the pod that `render` makes as invalid; empty where it takes it, or
  /// where it could not be asked (the create will say). What came of it is remembered by `id` (owner and revision), and
  /// nothing is rendered as long as it is: a refusal for kTemplateRecheck, an acceptance for good, and for
  /// kTemplateRetry that there is no verdict.
  std::string refusal(const std::string& id, const std::function<kube::Json()>& render);

 private:
  struct Verdict {
    enum class Kind { kTaken, kRefused, kUnknown };
    Kind kind = Kind::kUnknown;
    std::string refusal;
    SteadyTime at{};
  };

  Verdict ask(const kube::Json& pod);
  [[nodiscard]] bool holds(const Verdict& verdict) const;

  kube::Client& client_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Verdict> verdicts_;
};

}  // namespace sluice::op
