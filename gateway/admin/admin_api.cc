#include "gateway/admin/admin_api.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/base/duration_text.h"
#include "common/base/log.h"
#include "gateway/protocols/json_text.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;

constexpr std::string_view kStatePath = "/admin/v1/state";
constexpr std::string_view kDrainPath = "/admin/v1/drain";
constexpr std::size_t kReasonBytesMax = 256;
constexpr double kRateMax = 1e9;
constexpr std::int64_t kHintJitterMsMax = 86'400'000;

HttpResponse json_response(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

HttpResponse error_response(int status, std::string_view sentence) {
  return json_response(status, json_text({{"error", sentence}}));
}

Error invalid(const char* sentence) {
  return {ErrorCode::kInvalid, sentence};
}

double rounded(double value, double steps) {
  return std::round(value * steps) / steps;
}

}  // namespace

std::int64_t GatewaySnapshot::remaining() const {
  std::int64_t sum = 0;
  for (const auto state : {ConnectionState::kActive, ConnectionState::kDormant, ConnectionState::kClosing}) {
    sum += connections[static_cast<std::size_t>(state)];
  }
  return sum;
}

std::string state_json(const GatewaySnapshot& snapshot) {
  json by_state = json::object();
  for (std::size_t i = 0; i < snapshot.connections.size(); ++i) {
    by_state[kConnectionStateNames[i]] = snapshot.connections[i];
  }
  // Sockets that were never upgraded are no connections: a drain is over without them.
  const std::int64_t total = snapshot.remaining();
  json drain = nullptr;
  if (snapshot.drain) {
    drain = {{"startedAt", format_rfc3339(snapshot.drain->started_at)},
             {"reason", snapshot.drain->reason},
             {"deadline", format_rfc3339(snapshot.drain->deadline)},
             {"initial", snapshot.drain->initial},
             {"remaining", snapshot.remaining()},
             {"hinted", snapshot.drain_hinted},
             {"rate", snapshot.drain->rate},
             {"etaSeconds", rounded(snapshot.drain->eta_seconds, 10)}};
  }
  return json_text({{"connections", {{"total", total}, {"byState", by_state}, {"byProtocol", {{"ws", total}}}}},
                    {"drain", drain},
                    {"handshakeP99", rounded(snapshot.handshake_p99_seconds, 1e6)},
                    {"memory", {{"rssBytes", snapshot.rss_bytes}, {"kernelBytes", snapshot.kernel_bytes}}},
                    {"acceptPerSecond", rounded(snapshot.accepts_per_second, 100)},
                    {"tasks", {{"queued", snapshot.tasks_queued}, {"inFlight", snapshot.tasks_in_flight}}}});
}

Result<DrainRequest> parse_drain_request(std::string_view body) {
  json object;
  std::string error;
  if (!parse_json_object(body, object, error)) return Error{ErrorCode::kInvalid, error};
  DrainRequest request;
  const json reason = object.value("reason", json());
  if (!reason.is_string()) return invalid("reason must be a string");
  request.reason = reason.get<std::string>().substr(0, kReasonBytesMax);
  const json deadline = object.value("deadline", json());
  const auto parsed = deadline.is_string() ? parse_rfc3339(deadline.get_ref<const std::string&>()) : std::nullopt;
  if (!parsed) return invalid("deadline must be an RFC 3339 time");
  request.deadline = *parsed;
  const json rate = object.value("ratePerSecond", json());
  if (!rate.is_number() || rate.get<double>() < 0 || rate.get<double>() > kRateMax) {
    return invalid("ratePerSecond must be a number from 0 to 1e9");
  }
  request.rate = rate.get<double>();
  const json code = object.value("closeCode", json(1012));
  if (code != 1001 && code != 1012 && code != 1013) return invalid("closeCode must be 1001, 1012 or 1013");
  request.close_code = code.get<std::uint16_t>();
  const json jitter = object.value("hintJitterMs", json(0));
  if (!jitter.is_number_integer() || jitter < 0 || jitter > kHintJitterMsMax) {
    return invalid("hintJitterMs must be an integer from 0 to 86400000");
  }
  request.hint_jitter = Duration(jitter.get<std::int64_t>());
  return request;
}

AdminApi::AdminApi(GatewayControl& control, const Clock& clock, std::string keys_dir, std::string pod_uid,
                   ReadKeyFolder read)
    : control_(control),
      clock_(clock),
      keys_dir_(std::move(keys_dir)),
      pod_uid_(std::move(pod_uid)),
      read_(std::move(read)) {}

void AdminApi::reload_keys() {
  if (keys_dir_.empty()) return;
  const Result<std::vector<KeyFile>> files = read_(keys_dir_);
  if (!files) {
    // The operator must get in all the more where descriptors are short: the keys that are known stay.
    if (trouble_ != files.error().message) log_warn("admin keys not read", {{"error", files.error().message}});
    trouble_ = files.error().message;
    return;
  }
  trouble_.clear();
  if (keys_seen_ == *files) return;
  keys_seen_ = *files;
  std::vector<std::string> good;
  for (const auto& [name, pem] : *files) {
    // One broken file must not lock the operator out while the other key is good.
    if (const auto alone = VerificationKeys::from_pems({pem}); !alone) {
      log_warn("admin key ignored", {{"file", name}, {"error", alone.error().message}});
    } else {
      good.push_back(pem);
    }
  }
  auto keys = VerificationKeys::from_pems(good);
  keys_ = keys ? *std::move(keys) : VerificationKeys();
  log_info("admin keys loaded", {{"dir", keys_dir_}, {"keys", good.size()}});
}

Status AdminApi::authenticate(const HttpRequest& request) const {
  constexpr std::string_view kScheme = "Bearer ";
  const auto header = request.header("Authorization");
  if (!header || request.count("Authorization") != 1 || header->size() < kScheme.size() ||
      !equals_ignoring_case(header->substr(0, kScheme.size()), kScheme)) {
    return Error{ErrorCode::kDenied, "the call needs an Authorization header with a bearer token"};
  }
  if (pod_uid_.empty()) return Error{ErrorCode::kDenied, "this gateway does not know its pod's UID: no token is valid"};
  if (keys_.empty()) return Error{ErrorCode::kDenied, "this gateway has no public key: no token is valid"};
  return keys_.verify(header->substr(kScheme.size()), pod_uid_, clock_.wall());
}

HttpResponse AdminApi::handle(const HttpRequest& request) {
  if (const Status allowed = authenticate(request); !allowed) {
    HttpResponse response = error_response(401, allowed.error().message);
    response.headers = "WWW-Authenticate: Bearer\r\n";
    return response;
  }
  if (request.path == kStatePath) {
    return request.method == "GET" ? state() : error_response(405, "the state is read with GET");
  }
  if (request.path != kDrainPath) return error_response(404, "nothing is served at this path");
  if (request.method == "PUT") return put_drain(request);
  if (request.method == "DELETE") return delete_drain();
  return error_response(405, "a drain is started with PUT and taken back with DELETE");
}

HttpResponse AdminApi::state() {
  return json_response(200, state_json(control_.snapshot()));
}

HttpResponse AdminApi::put_drain(const HttpRequest& request) {
  const Result<DrainRequest> drain = parse_drain_request(request.body);
  if (!drain) return error_response(400, drain.error().message);
  control_.start_drain(*drain);
  return state();
}

HttpResponse AdminApi::delete_drain() {
  if (const Status done = control_.cancel_drain(); !done) return error_response(409, done.error().message);
  return state();
}

}  // namespace sluice::gateway
