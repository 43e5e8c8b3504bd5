#include "operator/status_writer.h"

#include "operator/limits.h"
#include "operator/names.h"
#include "operator/render.h"
#include "operator/status.h"

namespace sluice::op {

/// Zero: write now. Unset: there is nothing to write.
std::optional<Duration> StatusWriter::wait_for(const std::string& key, const kube::Json& gateway,
                                               const kube::Json& status) {
  const kube::Json& present = kube::at_pointer(gateway, "/status");
  const std::lock_guard lock(mutex_);
  const auto before = written_.find(key);
  if (before == written_.end()) return present == status ? std::nullopt : std::optional(Duration(0));
  if (before->second.status == status && covers(present, status)) return std::nullopt;
  const StatusNews news = status_news(before->second.status, status);
  if (news == StatusNews::kEvent) return Duration(0);
  const auto since = std::chrono::duration_cast<Duration>(clock_.steady() - before->second.at);
  const Duration every = news == StatusNews::kReplicas ? kStatusReplicasEvery : kStatusCountsEvery;
  return std::max(every - since, Duration(0));
}

Result<std::optional<Duration>> StatusWriter::write(const std::string& key, const kube::Json& gateway,
                                                    const kube::Json& status) {
  const std::optional<Duration> wait = wait_for(key, gateway, status);
  if (!wait || *wait > Duration(0)) return wait;
  const std::string name(kube::name_of(gateway));
  // No resource version: the status is ours alone, and an autoscaler's write to the spec must not fail it.
  const kube::Json body{{"apiVersion", kube::kRealtimeGateways.api_version()},
                        {"kind", kube::kRealtimeGateways.kind},
                        {"metadata", {{"name", name}, {"uid", std::string(kube::uid_of(gateway))}}},
                        {"status", status}};
  const auto applied =
      client_.patch(kube::kRealtimeGateways, kube::namespace_of(gateway), name, kube::PatchType::kApply, body,
                    {.subresource = "status", .field_manager = kFieldManager, .force = true});
  if (!applied && applied.error().code == ErrorCode::kNotFound) return std::optional<Duration>();
  if (!applied) return applied.error();
  gateway_writes_.wrote(key, *applied);
  const std::lock_guard lock(mutex_);
  written_[key] = {status, clock_.steady()};
  return std::optional<Duration>();
}

void StatusWriter::forget(const std::string& key) {
  const std::lock_guard lock(mutex_);
  written_.erase(key);
}

}  // namespace sluice::op
