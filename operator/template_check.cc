#include "operator/template_check.h"

#include "common/base/log.h"
#include "operator/limits.h"

namespace sluice::op {

std::string TemplateCheck::refusal(const std::string& id, const std::function<kube::Json()>& render) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = verdicts_.find(id);
    if (known != verdicts_.end() && holds(known->second)) return known->second.refusal;
  }
  Verdict verdict = ask(render());
  const std::lock_guard lock(mutex_);
  if (verdicts_.size() >= kTemplateVerdictsMax) verdicts_.clear();
  return (verdicts_[id] = std::move(verdict)).refusal;
}

bool TemplateCheck::holds(const Verdict& verdict) const {
  const auto age = clock_.steady() - verdict.at;
  switch (verdict.kind) {
    case Verdict::Kind::kTaken:
      return true;
    case Verdict::Kind::kRefused:
      return age < kTemplateRecheck;
    case Verdict::Kind::kUnknown:
      break;
  }
  return age < kTemplateRetry;
}

TemplateCheck::Verdict TemplateCheck::ask(const kube::Json& pod) {
  const std::string path = kube::kPods.path(kube::namespace_of(pod)) + "?dryRun=All";
  const auto answer = client_.raw("POST", path, pod.dump(-1, ' ', false, kube::Json::error_handler_t::replace));
  const SteadyTime now = clock_.steady();
  if (!answer) return {.kind = Verdict::Kind::kUnknown, .refusal = {}, .at = now};
  if (answer->status < 300) return {.kind = Verdict::Kind::kTaken, .refusal = {}, .at = now};
  const Error error = kube::error_from_status(answer->status, answer->body, "spec.template");
  // A quota or a missing permission says nothing about the template, and may change at any moment. 409: a pod of that
  // name is there, so the template was good enough.
  if (error.code != ErrorCode::kInvalid) return {.kind = Verdict::Kind::kUnknown, .refusal = {}, .at = now};
  log_warn("pod template refused", {{"pod", kube::name_of(pod)}, {"error", error.message}});
  return {.kind = Verdict::Kind::kRefused, .refusal = error.message, .at = now};
}

}  // namespace sluice::op
