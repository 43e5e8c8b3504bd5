#include "cli/fleet.h"

#include <algorithm>
#include <cmath>

#include "cli/numbers.h"
#include "common/base/contract.h"
#include "common/base/duration_text.h"

namespace sluice::cli {
namespace {

using kube::Json;

constexpr const char* kContainer = "gateway";
/// Nobody waits longer for a drain than this.
constexpr double kSecondsMax = 1e7;

std::optional<double> number_at(const Json& object, const char* pointer) {
  const Json& value = kube::at_pointer(object, pointer);
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}

bool has_condition(const Json& pod, const char* type) {
  const Json& conditions = kube::at_pointer(pod, "/status/conditions");
  return conditions.is_array() && std::any_of(conditions.begin(), conditions.end(), [&](const Json& condition) {
           return kube::text_at(condition, "/type") == type && kube::text_at(condition, "/status") == "True";
         });
}

const Json& container_state(const Json& pod) {
  static const Json kNull;
  const Json& statuses = kube::at_pointer(pod, "/status/containerStatuses");
  if (!statuses.is_array()) return kNull;
  for (const Json& status : statuses) {
    if (kube::text_at(status, "/name") == kContainer) return kube::at_pointer(status, "/state");
  }
  return kNull;
}

/// What kubectl's STATUS column would say where it is no "Running"; empty where it is.
std::string trouble(const Json& pod) {
  const Json& state = container_state(pod);
  for (const char* where : {"/waiting/reason", "/terminated/reason"}) {
    if (std::string reason = kube::text_at(state, where); !reason.empty()) return reason;
  }
  const std::string phase = kube::text_at(pod, "/status/phase");
  return phase == "Running" ? "" : phase.empty() ? "Pending" : phase;
}

const Json& drain_entry(const Json& gateway, std::string_view uid) {
  static const Json kNull;
  const Json& drains = kube::at_pointer(gateway, "/status/drains");
  if (!drains.is_array()) return kNull;
  for (const Json& drain : drains) {
    if (kube::text_at(drain, "/uid") == uid) return drain;
  }
  return kNull;
}

/// By the record on the pod, for a drain that the status does not list.
std::string phase_by_record(const Json& gateway, const Json& record, WallTime now) {
  if (!kube::text_at(record, "/frozenAt").empty()) return "Frozen";
  const auto started = parse_rfc3339(kube::text_at(record, "/startedAt"));
  const auto delay = parse_duration(kube::text_at(gateway, "/spec/drain/propagationDelay", "15s"));
  const bool propagating = started && delay && now < *started + *delay;
  return propagating ? "Propagating" : "Evicting";
}

std::optional<Duration> time_to_go(const DrainView& drain, const Json& entry) {
  const double rate = drain.measured.value_or(drain.granted);
  if (drain.phase == "Evicting" && drain.remaining && rate > 0.001) {
    return Duration(static_cast<Duration::rep>(std::min(*drain.remaining / rate, kSecondsMax) * 1000));
  }
  return parse_duration(kube::text_at(entry, "/eta"));
}

std::optional<DrainView> drain_of(const Json& gateway, const Json& pod, const std::optional<double>& connections,
                                  const DrainMemory& memory, WallTime now) {
  const std::string_view annotation = kube::annotation_of(pod, kDrainAnnotation);
  const Json& entry = drain_entry(gateway, kube::uid_of(pod));
  if (annotation.empty() && !entry.is_object()) return std::nullopt;
  const Json record = Json::parse(annotation, nullptr, false);
  const std::string uid(kube::uid_of(pod));
  DrainView drain;
  drain.reason = kube::text_at(entry, "/reason", kube::text_at(record, "/reason"));
  drain.phase = kube::text_at(entry, "/phase");
  if (drain.phase.empty()) drain.phase = phase_by_record(gateway, record, now);
  drain.remaining = connections ? connections : number_at(entry, "/remaining");
  drain.initial = number_at(entry, "/initial");
  // Before the gateway has been told to drain nothing says what it began with, but what was seen.
  if (const auto most = memory.most(uid)) drain.initial = std::max(drain.initial.value_or(0), *most);
  drain.granted = number_at(entry, "/rate").value_or(0);
  if (drain.granted <= 0) {
    const Json granted = Json::parse(kube::annotation_of(pod, kRateAnnotation), nullptr, false);
    if (granted.is_number()) drain.granted = granted.get<double>();
  }
  drain.measured = memory.rate(uid);
  drain.deadline = parse_rfc3339(kube::text_at(entry, "/deadline", kube::text_at(record, "/deadline")));
  drain.eta = time_to_go(drain, entry);
  return drain;
}

bool is_in(const Json& list, std::string_view name) {
  return list.is_array() && std::any_of(list.begin(), list.end(), [&](const Json& each) {
           return each.is_string() && each.get_ref<const std::string&>() == name;
         });
}

PodView view_pod(const Json& gateway, const Json& pod, const LiveFigures& live, const DrainMemory& memory,
                 WallTime now) {
  PodView view;
  view.name = kube::name_of(pod);
  view.uid = kube::uid_of(pod);
  view.revision = kube::label_of(pod, kRevisionLabel);
  view.updated = view.revision == kube::text_at(gateway, "/status/updateRevision");
  view.ready = has_condition(pod, "Ready");
  view.node = kube::text_at(pod, "/spec/nodeName");
  view.created = kube::metadata_text(pod, "creationTimestamp");
  view.traffic = kube::label_of(pod, kTrafficLabel) == kTrafficOn;
  view.asked_to_go = is_in(kube::at_pointer(gateway, "/spec/scaleDown/podsToDrain"), view.name);
  view.state = kube::is_deleting(pod) ? "Terminating" : trouble(pod);
  if (view.state.empty()) view.state = kube::label_of(pod, kStateLabel);
  const auto figure = live.find(view.uid);
  if (figure != live.end()) view.connections = figure->second.metrics.connections;
  view.drain = drain_of(gateway, pod, view.connections, memory, now);
  if (!view.connections && view.drain) view.connections = view.drain->remaining;
  return view;
}

/// Conditions of which "False" is what a person should know; of all others it is "True".
bool is_good_when_true(const std::string& type) {
  return type == "Available" || type == "CanaryHealthy";
}

/// Conditions that hold where nothing is wrong, but that say what is going on.
bool is_plain_news(const std::string& type) {
  return type == "Progressing" || type == "Draining" || type == "Paused";
}

std::optional<ConditionView> view_condition(const Json& condition) {
  ConditionView view{.type = kube::text_at(condition, "/type"),
                     .reason = kube::text_at(condition, "/reason"),
                     .message = kube::text_at(condition, "/message"),
                     .since = kube::text_at(condition, "/lastTransitionTime")};
  const bool holds = kube::text_at(condition, "/status") == "True";
  if (view.type == "Progressing") {
    view.bad = !holds && view.reason != "AtTarget";
    return view;
  }
  if (holds == is_good_when_true(view.type)) return std::nullopt;
  view.bad = !is_plain_news(view.type);
  return view;
}

std::vector<ConditionView> view_conditions(const Json& gateway) {
  std::vector<ConditionView> views;
  const Json& conditions = kube::at_pointer(gateway, "/status/conditions");
  if (!conditions.is_array()) return views;
  for (const Json& condition : conditions) {
    if (auto view = view_condition(condition)) views.push_back(*std::move(view));
  }
  std::stable_sort(views.begin(), views.end(), [](const auto& a, const auto& b) { return a.bad > b.bad; });
  return views;
}

std::vector<std::string> notes_of(const Json& gateway) {
  std::vector<std::string> notes;
  if (kube::is_deleting(gateway)) notes.emplace_back("it is being deleted: its pods are drained before it goes");
  if (kube::bool_at(gateway, "/spec/paused", false)) notes.emplace_back("spec.paused: rollouts stand still");
  if (kube::bool_at(gateway, "/spec/drainFreeze", false)) notes.emplace_back("spec.drainFreeze: drains stand still");
  const Json& asked = kube::at_pointer(gateway, "/spec/scaleDown/podsToDrain");
  if (asked.is_array() && !asked.empty()) {
    std::string names;
    for (const Json& name : asked) {
      if (name.is_string()) names += (names.empty() ? "" : ", ") + name.get<std::string>();
    }
    notes.push_back("asked to go (podsToDrain): " + names);
  }
  const std::string message = kube::text_at(gateway, "/status/rollout/message");
  if (!message.empty()) notes.push_back("rollout: " + message);
  return notes;
}

std::string connections_text(const Json& gateway, const std::vector<PodView>& pods, const LiveFigures& live) {
  double sum = 0;
  for (const PodView& pod : pods) {
    if (pod.ready && !live.contains(pod.uid)) return kube::text_at(gateway, "/status/connections/summary", "-");
    sum += pod.connections.value_or(0);
  }
  return short_count(sum);
}

}  // namespace

void DrainMemory::note(const std::string& uid, double remaining, SteadyTime at) {
  Entry& entry = entries_[uid];
  entry.most = std::max(entry.most, remaining);
  if (!entry.looks.empty() && at <= entry.looks.back().first) return;
  entry.looks.emplace_back(at, remaining);
  if (entry.looks.size() > kLooksMax) entry.looks.erase(entry.looks.begin());
}

std::optional<double> DrainMemory::rate(const std::string& uid) const {
  const auto found = entries_.find(uid);
  if (found == entries_.end() || found->second.looks.size() < 2) return std::nullopt;
  const auto& [first_at, first] = found->second.looks.front();
  const auto& [last_at, last] = found->second.looks.back();
  const double seconds = std::chrono::duration<double>(last_at - first_at).count();
  const double gone = first - last;
  // Nothing has gone yet (it propagates), or it was taken back: that is no rate.
  if (seconds < 0.5 || gone <= 0) return std::nullopt;
  return gone / seconds;
}

std::optional<double> DrainMemory::most(const std::string& uid) const {
  const auto found = entries_.find(uid);
  return found == entries_.end() ? std::nullopt : std::optional(found->second.most);
}

void DrainMemory::keep(const std::set<std::string>& uids) {
  std::erase_if(entries_, [&](const auto& entry) { return !uids.contains(entry.first); });
}

std::optional<double> DrainView::done() const {
  if (phase == "Drained") return 1.0;
  if (!initial || !remaining) return std::nullopt;
  if (*initial <= 0) return 1.0;
  return std::clamp(1.0 - *remaining / *initial, 0.0, 1.0);
}

bool is_controlled_by(const Json& pod, std::string_view uid) {
  const Json& owners = kube::at_pointer(pod, "/metadata/ownerReferences");
  return owners.is_array() && std::any_of(owners.begin(), owners.end(), [&](const Json& owner) {
           return kube::bool_at(owner, "/controller", false) && kube::text_at(owner, "/uid") == uid;
         });
}

bool can_be_asked(const Json& pod) {
  return container_state(pod).contains("running") && !kube::text_at(pod, "/status/podIP").empty();
}

FleetView merge_fleet(const Json& gateway, const std::vector<kube::Object>& pods, const LiveFigures& live,
                      const DrainMemory& memory, WallTime now) {
  FleetView view;
  view.ns = kube::namespace_of(gateway);
  view.name = kube::name_of(gateway);
  view.wanted = kube::integer_at(gateway, "/spec/replicas", 1);
  view.serving = kube::integer_at(gateway, "/status/replicas", 0);
  view.ready = kube::integer_at(gateway, "/status/readyReplicas", 0);
  view.updated = kube::integer_at(gateway, "/status/updatedReplicas", 0);
  view.draining = kube::integer_at(gateway, "/status/drainingReplicas", 0);
  view.rollout = kube::text_at(gateway, "/status/rollout/summary");
  view.update_revision = kube::text_at(gateway, "/status/updateRevision");
  view.observed = kube::integer_at(gateway, "/status/observedGeneration", 0) ==
                  kube::integer_at(gateway, "/metadata/generation", 0);
  view.conditions = view_conditions(gateway);
  view.notes = notes_of(gateway);
  for (const kube::Object& pod : pods) {
    if (!is_controlled_by(*pod, kube::uid_of(gateway))) continue;
    view.pods.push_back(view_pod(gateway, *pod, live, memory, now));
  }
  std::sort(view.pods.begin(), view.pods.end(), [](const PodView& a, const PodView& b) {
    if (a.drain.has_value() != b.drain.has_value()) return a.drain.has_value();
    return a.name < b.name;
  });
  view.connections = connections_text(gateway, view.pods, live);
  return view;
}

}  // namespace sluice::cli
