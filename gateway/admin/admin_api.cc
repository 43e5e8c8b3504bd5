#include "gateway/admin/admin_api.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/base/log.h"
#include "gateway/admin/requests.h"
#include "gateway/admin/state_json.h"
#include "gateway/protocols/json_text.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;

constexpr std::string_view kStatePath = "/admin/v1/state";
constexpr std::string_view kDrainPath = "/admin/v1/drain";
constexpr std::string_view kShedPath = "/admin/v1/shed";
constexpr std::string_view kNodeStatusPath = "/admin/v1/node-status";

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

}  // namespace

std::int64_t GatewaySnapshot::remaining() const {
  std::int64_t sum = 0;
  for (const auto state : {ConnectionState::kActive, ConnectionState::kDormant, ConnectionState::kClosing}) {
    sum += connections[static_cast<std::size_t>(state)];
  }
  return sum;
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
  if (request.path == kDrainPath) {
    if (request.method == "PUT") return put_drain(request);
    if (request.method == "DELETE") return delete_drain();
    return error_response(405, "a drain is started with PUT and taken back with DELETE");
  }
  if (request.path == kShedPath) {
    if (request.method == "PUT") return put_shed(request);
    if (request.method == "DELETE") return delete_shed();
    return error_response(405, "a shed is started with PUT and ended with DELETE");
  }
  if (request.path == kNodeStatusPath) {
    return request.method == "POST" ? post_node_status(request) : error_response(405, "a status is told with POST");
  }
  return error_response(404, "nothing is served at this path");
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

HttpResponse AdminApi::put_shed(const HttpRequest& request) {
  const Result<ShedRequest> shed = parse_shed_request(request.body);
  if (!shed) return error_response(400, shed.error().message);
  if (const Status begun = control_.start_shed(*shed); !begun) return error_response(409, begun.error().message);
  return state();
}

HttpResponse AdminApi::delete_shed() {
  control_.cancel_shed();
  return state();
}

HttpResponse AdminApi::post_node_status(const HttpRequest& request) {
  const Result<PeerStatus> peer = parse_node_status(request.body);
  if (!peer) return error_response(400, peer.error().message);
  control_.note_peer(*peer);
  return json_response(200, "{}");
}

}  // namespace sluice::gateway
