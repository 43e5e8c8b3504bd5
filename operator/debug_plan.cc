#include "operator/debug_plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/base/duration_text.h"
#include "operator/budget.h"
#include "operator/forecast.h"

namespace sluice::op {
namespace {

using kube::Json;

/// As many as the schema takes.
constexpr int kReplicasMax = 10'000;
/// Drains that are written out; the counts are of all.
constexpr std::size_t kDrainsListedMax = 500;
constexpr std::size_t kQueryBytesMax = 1024;

Error wrong(const std::string& what) {
  return {ErrorCode::kInvalid, what};
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const char* digits = text.data() + i + 1;
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc() || end != digits + 2) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

std::string seconds_text(Duration time) {
  return format_duration(std::chrono::ceil<std::chrono::seconds>(time));
}

const char* outcome_text(const ForecastDrain& drain) {
  return drain.outcome ? to_string(*drain.outcome) : "";
}

Json drain_json(const ForecastDrain& drain) {
  Json entry{{"pod", drain.pod},
             {"reason", to_string(drain.reason)},
             {"running", drain.running},
             {"beginsAfter", seconds_text(drain.begins)},
             {"rate", std::round(drain.rate * 10) / 10}};
  if (!drain.node.empty()) entry["node"] = drain.node;
  if (!drain.revision.empty()) entry["revision"] = drain.revision;
  if (drain.connections) entry["connections"] = *drain.connections;
  if (drain.cost) entry["cost"] = *drain.cost;
  if (!drain.runner_up.empty()) entry["runnerUp"] = drain.runner_up;
  if (drain.runner_up_cost) entry["runnerUpCost"] = *drain.runner_up_cost;
  if (drain.outcome) {
    entry["endsAfter"] = seconds_text(drain.ends);
    entry["takes"] = seconds_text(drain.ends - drain.begins);
    entry["outcome"] = outcome_text(drain);
  }
  if (drain.cut > 0) entry["cutByDeadline"] = drain.cut;
  return entry;
}

std::int64_t connections_of(const Observed& seen) {
  std::int64_t sum = 0;
  for (const PodView& pod : seen.pods) {
    if (pod.state && pod.container == ContainerState::kRunning) sum += pod.state->connections;
  }
  return sum;
}

/// What those who stay will hold, against what the guard allows.
Json capacity_json(const GatewaySpec& spec, const Observed& seen, const Forecast& future) {
  const std::int64_t connections = connections_of(seen);
  const std::int64_t most = spec.capacity.connections_per_pod * spec.scale_down.capacity_guard_percent / 100;
  Json json{{"connections", connections},
            {"connectionsPerPod", spec.capacity.connections_per_pod},
            {"guardPercent", spec.scale_down.capacity_guard_percent},
            {"guardPerPod", most},
            {"receiversNow", receivers_of(seen)},
            {"receiversAfter", future.receivers}};
  if (future.receivers > 0) {
    const std::int64_t each = (connections + future.receivers - 1) / future.receivers;
    json["perPodAfter"] = each;
    json["headroom"] = most * future.receivers - connections;
    json["usedPercentAfter"] =
        std::round(1000.0 * static_cast<double>(each) / static_cast<double>(spec.capacity.connections_per_pod)) / 10;
  }
  return json;
}

/// How old what was decided by is.
Json knowledge_json(const Observed& seen) {
  Duration oldest{0};
  int heard = 0;
  int unheard = 0;
  int failing = 0;
  for (const PodView& pod : seen.pods) {
    if (pod.container != ContainerState::kRunning || pod.terminating || pod.finished) continue;
    if (pod.failure_age) ++failing;
    if (!pod.state) {
      ++unheard;
      continue;
    }
    ++heard;
    oldest = std::max(oldest, pod.state_age);
  }
  return {{"podsHeard", heard},
          {"podsUnheard", unheard},
          {"podsFailing", failing},
          {"oldestState", format_duration(oldest)}};
}

Json blocks_json(const GatewaySpec& spec, const Observed& seen, const Forecast& future) {
  Json blocks = Json::array();
  if (seen.deleting) blocks.push_back("the gateway is being deleted: spec.replicas does not matter any more");
  if (spec.drain_freeze) blocks.push_back("spec.drainFreeze: no drain begins, and running ones stand still");
  if (!seen.template_error.empty()) blocks.push_back("the template is refused, no pod is made: " + seen.template_error);
  if (future.objection_reason == "CapacityGuard") blocks.push_back("capacity guard: " + future.objection);
  const auto unfinished = std::count_if(future.drains.begin(), future.drains.end(), [](const ForecastDrain& drain) {
    return !drain.outcome && drain.ends == Duration(0);
  });
  if (blocks.empty() && future.complete && !seen.deleting && future.live != spec.replicas) {
    blocks.push_back(std::to_string(future.live) + " pods would serve in the end, and " +
                     std::to_string(spec.replicas) + " are asked for");
  }
  if (blocks.empty() && future.complete && unfinished > 0) {
    blocks.push_back(std::to_string(unfinished) + " drains would not end by themselves");
  }
  return blocks;
}

Json notes_json(const GatewaySpec& spec, const Observed& seen) {
  Json notes = Json::array();
  if (spec.paused) notes.push_back("spec.paused: rollouts stand still, scaling goes on");
  if (seen.reversed_ago && *seen.reversed_ago < spec.drain.reverse_hold) {
    notes.push_back("a drain was taken back " + seconds_text(*seen.reversed_ago) + " ago: none begins for another " +
                    seconds_text(spec.drain.reverse_hold - *seen.reversed_ago));
  }
  if (!seen.former_revision.empty()) notes.push_back("a rollout to revision " + seen.revision + " is under way");
  return notes;
}

std::string status_body(int code, const char* reason, const std::string& message) {
  return Json{{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Failure"},
              {"reason", reason}, {"code", code},       {"message", message}}
      .dump();
}

}  // namespace

Result<PlanQuestion> parse_plan_question(std::string_view query) {
  if (query.size() > kQueryBytesMax)
    return wrong("the query is longer than " + std::to_string(kQueryBytesMax) + " bytes");
  PlanQuestion question;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = std::min(part.find('='), part.size());
    const std::string name(part.substr(0, equals));
    const auto value = percent_decoded(part.substr(std::min(equals + 1, part.size())));
    if (!value) return wrong(name + ": not percent-encoded as a URL has it");
    if (name == "namespace") {
      question.ns = *value;
    } else if (name == "name") {
      question.name = *value;
    } else if (name == "replicas") {
      int replicas = -1;
      const auto [rest, error] = std::from_chars(value->data(), value->data() + value->size(), replicas);
      if (error != std::errc() || rest != value->data() + value->size() || replicas < 0 || replicas > kReplicasMax) {
        return wrong("replicas: a whole number from 0 to " + std::to_string(kReplicasMax) + " is wanted");
      }
      question.replicas = replicas;
    } else {
      return wrong("there is no parameter named " + name + ": namespace, name, replicas");
    }
  }
  if (question.ns.empty() || question.name.empty())
    return wrong("namespace and name say which RealtimeGateway is meant");
  return question;
}

Json explain_plan(const PlanBasis& basis, std::optional<int> replicas, WallTime now) {
  GatewaySpec spec = basis.spec;
  spec.replicas = replicas.value_or(spec.replicas);
  const Observed& seen = basis.seen;
  const Forecast future = forecast(spec, seen, now);

  Json drains = Json::array();
  std::int64_t moved = 0;
  std::int64_t cut = 0;
  std::vector<Duration> begins;
  for (const ForecastDrain& drain : future.drains) {
    moved += drain.connections.value_or(0);
    cut += drain.cut;
    begins.push_back(drain.begins);
    if (drains.size() < kDrainsListedMax) drains.push_back(drain_json(drain));
  }
  begins.erase(std::unique(begins.begin(), begins.end()), begins.end());
  const auto count = [&](const auto& is) { return std::count_if(seen.pods.begin(), seen.pods.end(), is); };
  return {{"namespace", seen.ns},
          {"name", seen.name},
          {"uid", seen.uid},
          {"at", format_rfc3339(now)},
          {"replicas",
           {{"spec", basis.spec.replicas},
            {"asked", spec.replicas},
            {"serving", count(is_live)},
            {"draining", count([](const PodView& pod) { return pod.draining(); })},
            {"after", future.live}}},
          {"drains", std::move(drains)},
          {"drainCount", future.drains.size()},
          {"rounds", begins.size()},
          {"deleted", future.deleted},
          {"takenBack", future.taken_back},
          {"created", future.created},
          {"connectionsMoved", moved},
          {"connectionsCut", cut},
          {"budget",
           {{"perSecondNow", budget_of(spec, receivers_of(seen))},
            {"perSecondMax", spec.budget.max},
            {"perSecondPerReceiver", spec.budget.per_receiver}}},
          {"maxConcurrentDrains", spec.scale_down.concurrent_drains_max},
          {"propagationDelay", format_duration(spec.drain.propagation_delay)},
          {"hintJitter", format_duration(spec.drain.hint_jitter)},
          {"timeout", format_duration(spec.drain.timeout)},
          {"duration", seconds_text(future.duration)},
          {"complete", future.complete},
          {"capacity", capacity_json(spec, seen, future)},
          {"knowledge", knowledge_json(seen)},
          {"blockedBy", blocks_json(spec, seen, future)},
          {"notes", notes_json(spec, seen)}};
}

PlanAnswer answer_plan(std::string_view query, const std::function<std::optional<PlanBasis>(const std::string&)>& look,
                       WallTime now) {
  const Result<PlanQuestion> question = parse_plan_question(query);
  if (!question) return {400, status_body(400, "BadRequest", question.error().message)};
  const std::string key = kube::make_key(question->ns, question->name);
  const std::optional<PlanBasis> basis = look(key);
  if (!basis) {
    return {404, status_body(404, "NotFound",
                             "this operator does not reconcile a RealtimeGateway " + key +
                                 " (it may not lead, or not have looked at it yet)")};
  }
  return {200, explain_plan(*basis, question->replicas, now).dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace sluice::op
