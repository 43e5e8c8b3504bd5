#include "operator/template_check.h"

#include "common/base/log.h"
#include "operator/limits.h"

namespace sluice::op {

std::string TemplateCheck::refusal(const std::string& id, const kube::Json& pod) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = verdicts_.find(id);
    if (known != verdicts_.end() &&
        (known->second.refusal.empty() || clock_.steady() - known->second.at < kTemplateRecheck)) {
      return known->second.refusal;
    }
  }
  const std::string path = kube::kPods.path(kube::namespace_of(pod)) + "?dryRun=All";
  const auto answer = client_.raw("POST", path, pod.dump(-1, ' ', false, kube::Json::error_handler_t::replace));
  if (!answer) return {};
  std::string refusal;
  if (answer->status >= 300) {
    const Error error = kube::error_from_status(answer->status, answer->body, "spec.template");
    // A quota or a missing permission says nothing about the template, and may change at any moment. 409: a pod of that
    // name is there, so the template was good enough.
    if (error.code != ErrorCode::kInvalid) return {};
    refusal = error.message;
    log_warn("pod template refused", {{"pod", kube::name_of(pod)}, {"error", refusal}});
  }
  const std::lock_guard lock(mutex_);
  if (verdicts_.size() >= kTemplateVerdictsMax) verdicts_.clear();
  verdicts_[id] = {refusal, clock_.steady()};
  return refusal;
}

}  // namespace sluice::op
