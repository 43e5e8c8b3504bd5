#include "operator/eviction.h"

#include <algorithm>

#include "common/base/duration_text.h"
#include "operator/limits.h"
#include "operator/status.h"

namespace sluice::op {
namespace {

using kube::Json;

/// What the API asks the managing controller of a pod to say.
constexpr int kPriority = 10000;

/// Our entry of a list of responders, or a null.
const Json& ours(const Json& list) {
  static const Json kNull;
  if (!list.is_array()) return kNull;
  const auto it = std::find_if(list.begin(), list.end(),
                               [](const Json& entry) { return kube::text_at(entry, "/name") == kEvictionResponder; });
  return it == list.end() ? kNull : *it;
}

std::string message_of(const PodView& pod, const Release* release) {
  if (pod.terminating && release == nullptr) return "the pod is empty and is being deleted";
  if (release == nullptr) return "a replacement is made first; then the pod drains";
  const std::string left = release->left ? short_count(*release->left) : std::string("an unknown number of");
  return std::string(to_string(release->phase)) + ": " + left + " connections left, until " +
         format_rfc3339(release->deadline) + " at the latest";
}

}  // namespace

void add_eviction_responder(Json& pod) {
  Json& responders = pod["spec"]["evictionResponders"];
  if (responders.is_null()) responders = Json::array();
  if (!responders.is_array() || !ours(responders).is_null()) return;
  responders.push_back({{"name", kEvictionResponder}, {"priority", kPriority}});
}

void slim_eviction(Json& eviction) {
  const Json metadata = eviction.value("metadata", Json::object());
  Json slim{{"apiVersion", kEvictions.api_version()}, {"kind", kEvictions.kind}, {"metadata", Json::object()}};
  for (const char* field : {"name", "namespace", "uid", "resourceVersion", "deletionTimestamp"}) {
    if (metadata.contains(field)) slim["metadata"][field] = metadata[field];
  }
  slim["spec"]["target"]["pod"] = kube::at_pointer(eviction, "/spec/target/pod");
  const Json& requesters = kube::at_pointer(eviction, "/status/requesters");
  if (requesters.is_array()) {
    Json& intents = slim["status"]["requesters"] = Json::array();
    for (const Json& requester : requesters) intents.push_back({{"intent", kube::text_at(requester, "/intent")}});
  }
  for (const char* list : {"targetResponders", "responders"}) {
    const Json& entry = ours(kube::at_pointer(eviction, (std::string("/status/") + list).c_str()));
    if (!entry.is_null()) slim["status"][list] = Json::array({entry});
  }
  eviction = std::move(slim);
}

EvictionView view_eviction(const Json& eviction) {
  const Json& responder = ours(kube::at_pointer(eviction, "/status/targetResponders"));
  const Json& report = ours(kube::at_pointer(eviction, "/status/responders"));
  const std::string state = kube::text_at(responder, "/state");
  EvictionView view;
  view.name = kube::name_of(eviction);
  view.uid = kube::uid_of(eviction);
  view.pod_name = kube::text_at(eviction, "/spec/target/pod/name");
  view.pod_uid = kube::text_at(eviction, "/spec/target/pod/uid");
  view.active = state == "Active";
  // Interrupted: we were too slow to report. The pod is still to go, and the next responder cuts it off.
  const Json& requesters = kube::at_pointer(eviction, "/status/requesters");
  view.withdrawn = requesters.is_array() && !requesters.empty() &&
                   std::all_of(requesters.begin(), requesters.end(), [](const Json& requester) {
                     return kube::text_at(requester, "/intent") == "Withdrawn";
                   });
  view.asked = !view.withdrawn && (view.active || state == "Interrupted" || state == "Completed");
  view.completed = !kube::text_at(report, "/completionTime").empty();
  view.heartbeat = parse_rfc3339(kube::text_at(report, "/heartbeatTime"));
  return view;
}

std::optional<Json> eviction_report(const EvictionView& eviction, const PodView* pod, const Release* release,
                                    WallTime now) {
  if (!eviction.active || eviction.completed) return std::nullopt;
  const bool stays = eviction.withdrawn && release == nullptr;  // Taken back, or never begun.
  const bool over = pod == nullptr || stays || (pod->terminating && release == nullptr);
  if (!over && eviction.heartbeat && now - *eviction.heartbeat < kEvictionHeartbeat) return std::nullopt;
  Json entry{{"name", kEvictionResponder}, {"heartbeatTime", format_rfc3339(now)}};
  entry["message"] = pod == nullptr ? "the pod is gone"
                     : stays        ? "withdrawn: the pod stays"
                                    : message_of(*pod, release);
  if (over) {
    entry["completionTime"] = format_rfc3339(now);
  } else if (release != nullptr && release->done_at && *release->done_at > now + 1s) {
    entry["expectedCompletionTime"] = format_rfc3339(*release->done_at);
  }
  return entry;
}

}  // namespace sluice::op
