#include "common/kube/client_impl.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace sluice::kube {
namespace {

constexpr const char* kProtobufOrJson = "application/vnd.kubernetes.protobuf,application/json";

/// The headers that say whose rights are to be used.
http::Headers impersonation_headers(const Impersonation& as) {
  http::Headers out;
  if (as.user.empty()) return out;
  out.emplace_back("Impersonate-User", as.user);
  if (!as.uid.empty()) out.emplace_back("Impersonate-Uid", as.uid);
  for (const std::string& group : as.groups) out.emplace_back("Impersonate-Group", group);
  for (const auto& [key, values] : as.extra) {
    for (const std::string& value : values) out.emplace_back("Impersonate-Extra-" + http::url_encode(key), value);
  }
  return out;
}

}  // namespace

Client::Impl::Impl(Config c, std::string user_agent, MetricsRegistry* registry, const Clock& k)
    : config(std::move(c)),
      clock(k),
      credentials(config, clock),
      impersonation(impersonation_headers(config.impersonate)),
      metrics(registry, config.server),
      http({.tls = config.tls,
            .peer_lost_after = kPeerLostAfter,
            .user_agent = std::move(user_agent),
            .proxy_url = config.proxy_url}) {}

/// Errors: kUnavailable where a credential plugin fails or does not answer in time.
Result<Client::Impl::Signed> Client::Impl::sign(const Call& call, Duration at_most) {
  Result<Credentials::Current> current = credentials.current(clock.steady(), at_most);
  if (!current) return current.error().in(call.what());
  if (current->new_tls) http.set_tls(std::move(*current->new_tls));
  Signed out;
  out.generation = current->generation;
  out.request.method = call.method;
  out.request.url = config.server + call.path + call.query;
  out.request.headers.emplace_back("Accept", call.message != nullptr ? kProtobufOrJson : kJsonType);
  if (!call.body.empty()) out.request.headers.emplace_back("Content-Type", call.content_type);
  if (!current->token.empty()) out.request.headers.emplace_back("Authorization", "Bearer " + current->token);
  out.request.headers.insert(out.request.headers.end(), impersonation.begin(), impersonation.end());
  out.request.body = call.body;
  out.request.timeout = at_most;
  out.request.response_bytes_max = call.response_bytes_max;
  return out;
}

void Client::Impl::saw_status(const std::string& method, int status, std::uint64_t generation) {
  metrics.count(method, status);
  if (status == 401) credentials.suspect(generation);
}

/// There was no answer.
void Client::Impl::saw_failure(const std::string& method, const Error& error) {
  metrics.count(method, 0);
  // What we gave could not be used: perhaps a certificate and a key of two rotations.
  if (error.code == ErrorCode::kInvalid) credentials.suspect();
}

/// False where the client ends meanwhile.
bool Client::Impl::pause(Duration wait) {
  const SteadyTime until = std::chrono::steady_clock::now() + wait;
  const MutexLock lock(mutex);
  while (!stopping) {
    if (!stopped.wait_until(mutex, until)) return !stopping;
  }
  return false;
}

Result<http::Response> Client::Impl::send(const Call& call) {
  const Duration limit = config.request_timeout > Duration(0) ? config.request_timeout : call.timeout;
  const SteadyTime deadline = clock.steady() + limit;
  const auto time_left = [&] { return std::chrono::ceil<Duration>(deadline - clock.steady()); };
  for (int attempt = 1;; ++attempt) {
    Result<Signed> next = sign(call, std::max(time_left(), Duration(1)));
    if (!next) return next.error();
    next->request.timeout = std::max(time_left(), Duration(1));
    const SteadyTime begun = clock.steady();
    Result<http::Response> answer = http.send(std::move(next->request));
    metrics.took(call.method, clock.steady() - begun);
    if (!answer) {
      saw_failure(call.method, answer.error());
      return answer;
    }
    saw_status(call.method, answer->status, next->generation);
    const std::optional<Duration> wait =
        retry_wait(*answer, attempt, std::chrono::floor<Duration>(deadline - clock.steady()), clock.wall());
    if (!wait || !pause(*wait)) return answer;
  }
}

/// Whether the server did what it was asked.
Status Client::Impl::check(const Call& call, const http::Response& answer) const {
  if (answer.status < 200 || answer.status >= 300) return error_from_answer(answer, call.what(), clock.wall());
  return Status::success();
}

Result<http::Response> Client::Impl::send_ok(const Call& call) {
  Result<http::Response> answer = send(call);
  if (!answer) return answer.error();
  if (Status accepted = check(call, *answer); !accepted) return accepted.error();
  return answer;
}

Result<Json> Client::Impl::send_json(const Call& call) {
  const Result<http::Response> answer = send(call);
  if (!answer) return answer.error();
  return read_json(call, *answer);
}

Result<Json> Client::Impl::read_json(const Call& call, const http::Response& answer) const {
  if (Status accepted = check(call, answer); !accepted) return accepted.error();
  if (call.message != nullptr && is_protobuf(answer)) {
    Result<Json> object = read_protobuf_object(answer.body, *call.message);
    if (!object) return object.error().in(call.what());
    return object;
  }
  Json object = Json::parse(answer.body, nullptr, false);
  if (!object.is_object()) return Error{ErrorCode::kUnavailable, call.what() + ": the answer is no JSON object"};
  return object;
}

}  // namespace sluice::kube
