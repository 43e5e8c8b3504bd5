#include "cli/edits.h"

#include <algorithm>

#include "common/base/contract.h"

namespace sluice::cli {
namespace {

using kube::Json;

/// As the schema has it.
constexpr std::size_t kPodsToDrainMax = 100;

Json conditional(const Json& gateway, Json spec) {
  return {{"metadata", {{"resourceVersion", kube::resource_version_of(gateway)}}}, {"spec", std::move(spec)}};
}

Error wrong(const Json& gateway, const std::string& what) {
  return {ErrorCode::kInvalid, "realtimegateways.sluice.dev \"" + std::string(kube::name_of(gateway)) + "\" " + what};
}

std::vector<std::string> pods_to_drain(const Json& gateway) {
  std::vector<std::string> names;
  const Json& list = kube::at_pointer(gateway, "/spec/scaleDown/podsToDrain");
  if (!list.is_array()) return names;
  for (const Json& name : list) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

}  // namespace

Result<Edit> pause_edit(const Json& gateway, bool paused) {
  if (kube::bool_at(gateway, "/spec/paused", false) == paused) {
    return wrong(gateway, paused ? "is already paused" : "is not paused");
  }
  return Edit{conditional(gateway, {{"paused", paused}}), paused ? "paused" : "resumed"};
}

Result<Edit> drain_edit(const Json& gateway, const std::string& pod) {
  std::vector<std::string> names = pods_to_drain(gateway);
  if (std::find(names.begin(), names.end(), pod) != names.end()) return Edit{Json(), "already asked to drain"};
  if (names.size() >= kPodsToDrainMax) {
    return wrong(gateway,
                 "has " + std::to_string(names.size()) + " pods to drain already, and no more may be asked for");
  }
  names.push_back(pod);
  return Edit{conditional(gateway, {{"scaleDown", {{"podsToDrain", names}}}}), "asked to drain"};
}

Edit undrain_edit(const Json& gateway, const std::string& pod) {
  std::vector<std::string> names = pods_to_drain(gateway);
  if (std::erase(names, pod) == 0) return {Json(), "not asked to drain"};
  const Json left = names.empty() ? Json() : Json(names);
  return {conditional(gateway, {{"scaleDown", {{"podsToDrain", left}}}}), "asked to drain no more"};
}

Result<Edit> promote_edit(const Json& gateway) {
  const Json& rollout = kube::at_pointer(gateway, "/status/rollout");
  const std::string phase = kube::text_at(rollout, "/phase");
  const std::int64_t step = kube::integer_at(rollout, "/step", 0);
  const std::string revision = kube::text_at(gateway, "/status/updateRevision");
  if (step <= 0 || phase.empty() || phase == "Done" || revision.empty() ||
      kube::text_at(rollout, "/revision") != revision) {
    return wrong(gateway, "is in no canary step: there is nothing to promote");
  }
  const std::string mark = revision + "/" + std::to_string(step);
  if (kube::annotation_of(gateway, kPromoteAnnotation) == mark)
    return Edit{Json(), "already promoted past step " + std::to_string(step)};
  const Json patch{
      {"metadata",
       {{"resourceVersion", kube::resource_version_of(gateway)}, {"annotations", {{kPromoteAnnotation, mark}}}}}};
  return Edit{patch, "promoted past step " + std::to_string(step) + " of " +
                         std::to_string(kube::integer_at(rollout, "/steps", step)) + " (revision " + revision + ")"};
}

Result<std::string> gateway_of_pod(const Json& pod) {
  const Json& owners = kube::at_pointer(pod, "/metadata/ownerReferences");
  if (owners.is_array()) {
    for (const Json& owner : owners) {
      if (kube::bool_at(owner, "/controller", false) && kube::text_at(owner, "/kind") == "RealtimeGateway" &&
          kube::text_at(owner, "/apiVersion").rfind("sluice.dev/", 0) == 0) {
        return kube::text_at(owner, "/name");
      }
    }
  }
  return Error{ErrorCode::kInvalid, "pod \"" + std::string(kube::name_of(pod)) + "\" belongs to no RealtimeGateway"};
}

}  // namespace sluice::cli
