#include "operator/admin_client.h"

#include <cpprest/http_client.h>
#include <cpprest/rawptrstream.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <tuple>

#include "common/base/duration_text.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

using web::http::http_request;
using web::http::http_response;
using web::http::client::http_client;
using web::http::client::http_client_config;

/// The calls wait for peers, they do not compute: two threads drive all of them.
constexpr std::size_t kThreads = 2;
/// A state is a few hundred bytes. More than this is not stored; the call then ends with its time-out.
constexpr std::size_t kAnswerBytesMax = 16u << 10;
/// As ed25519_jwt.h and SPEC.md say.
constexpr Duration kTokenValidity{60'000};

/// How a verb is said, in metrics and in HTTP.
struct Spelling {
  AdminCall::Verb verb;
  const char* name;
  const char* method;
  const char* path;
};
constexpr std::array<Spelling, 6> kSpellings{{
    {AdminCall::Verb::kState, "state", "GET", "/admin/v1/state"},
    {AdminCall::Verb::kDrain, "drain", "PUT", "/admin/v1/drain"},
    {AdminCall::Verb::kUndrain, "undrain", "DELETE", "/admin/v1/drain"},
    {AdminCall::Verb::kShed, "shed", "PUT", "/admin/v1/shed"},
    {AdminCall::Verb::kUnshed, "unshed", "DELETE", "/admin/v1/shed"},
    {AdminCall::Verb::kNodeStatus, "node_status", "POST", "/admin/v1/node-status"},
}};

const Spelling& spelling_of(AdminCall::Verb verb) {
  return *std::find_if(kSpellings.begin(), kSpellings.end(), [&](const Spelling& one) { return one.verb == verb; });
}

Error no_answer(const AdminCall& call, const std::string& why) {
  return {ErrorCode::kUnavailable,
          std::string(spelling_of(call.verb).name) + " of gateway " + call.address + ": " + why};
}

/// The body of a call; a null where it has none.
nlohmann::json body_of(const AdminCall& call) {
  switch (call.verb) {
    case AdminCall::Verb::kDrain:
      return {{"reason", call.reason},
              {"deadline", format_rfc3339_micro(call.deadline)},
              {"ratePerSecond", call.rate_per_second},
              {"closeCode", call.close_code},
              {"hintJitterMs", call.hint_jitter.count()}};
    case AdminCall::Verb::kShed:
      return {{"id", call.id},
              {"count", call.count},
              {"ratePerSecond", call.rate_per_second},
              {"closeCode", call.close_code},
              {"hintJitterMs", call.hint_jitter.count()}};
    case AdminCall::Verb::kNodeStatus:
      return {{"pod", call.peer.pod},
              {"uid", call.peer.uid},
              {"status", call.peer.status},
              {"severity", call.peer.severity}};
    case AdminCall::Verb::kState:
    case AdminCall::Verb::kUndrain:
    case AdminCall::Verb::kUnshed:
      break;
  }
  return nullptr;
}

http_request make_request(const AdminCall& call, const std::string& token) {
  const Spelling& spelling = spelling_of(call.verb);
  http_request request(spelling.method);
  request.set_request_uri(spelling.path);
  request.headers().add("Authorization", "Bearer " + token);
  if (const nlohmann::json body = body_of(call); !body.is_null()) {
    const std::string text = body.dump();
    // As bytes: a body given as a string is read through a cast to a buffer of another type.
    request.set_body(std::vector<unsigned char>(text.begin(), text.end()));
    request.headers().set_content_type("application/json");
  }
  return request;
}

/// The sentence of `{"error":"sentence"}`, bounded, for a log line.
std::string sentence_of(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  const auto error = json.is_object() ? json.find("error") : json.end();
  if (!json.is_object() || error == json.end() || !error->is_string()) return "no reason given";
  return error->get<std::string>().substr(0, 200);
}

Result<GatewayState> read_answer(const AdminCall& call, int status, const std::string& body) {
  if (status == 200 && call.verb == AdminCall::Verb::kNodeStatus) return GatewayState{};
  if (status == 200) {
    Result<GatewayState> state = parse_gateway_state(body);
    if (!state) return state.error().in(call.address);
    return state;
  }
  const std::string text = "answered " + std::to_string(status) + ": " + sentence_of(body);
  Error error = no_answer(call, text);
  if (status == 401 || status == 403) {
    error.code = ErrorCode::kDenied;
  } else if (status < 500) {
    error.code = ErrorCode::kInvalid;
  }
  return error;
}

/// Nobody listens there, or who did has cut the connection. cpprestsdk says "unreachable host" where a connection is
/// refused (http_client_asio.cpp, report_error).
bool refused(const std::error_code& code) {
  return code == std::errc::host_unreachable || code == std::errc::connection_refused ||
         code == std::errc::connection_reset || code == std::errc::connection_aborted || code == std::errc::broken_pipe;
}

const char* result_name(const Result<GatewayState>& answer) {
  return answer ? "ok" : to_string(answer.error().code);
}

/// A call under way. Shared by its task chain and the watchdog.
struct Running {
  AdminCall call;
  AdminApi::Done done;
  SteadyTime deadline{};
  pplx::cancellation_token_source cancel;
  std::array<std::uint8_t, kAnswerBytesMax> answer{};
};

}  // namespace

struct AdminClient::Impl : std::enable_shared_from_this<AdminClient::Impl> {
  const Clock& clock;
  MetricsRegistry& metrics;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<SigningKey> key;
  std::deque<std::pair<AdminCall, Done>> waiting;
  std::map<const Running*, std::shared_ptr<Running>> running;
  bool stopping = false;
  bool watchdog_rests = false;
  std::thread watchdog;

  Impl(const Clock& c, MetricsRegistry& m) : clock(c), metrics(m) {}

  void start_waiting();
  void start(const std::shared_ptr<Running>& entry, const SigningKey& with);
  void finish(const std::shared_ptr<Running>& entry, Result<GatewayState> answer);
  void watch();
  void count(AdminCall::Verb verb, const char* result) const {
    metrics
        .counter("sluice_operator_admin_calls_total", "Calls to the admin API of gateways.",
                 {{"verb", spelling_of(verb).name}, {"result", result}})
        .add();
  }
};

AdminClient::AdminClient(const Clock& clock, MetricsRegistry& metrics) : impl_(std::make_shared<Impl>(clock, metrics)) {
  static std::once_flag threads_made;
  std::call_once(threads_made, [] { crossplat::threadpool::initialize_with_threads(kThreads); });
  for (const Spelling& spelling : kSpellings) {
    for (const char* result : {"ok", "unavailable", "not found", "denied", "invalid"}) {
      (void)metrics.counter("sluice_operator_admin_calls_total", "Calls to the admin API of gateways.",
                            {{"verb", spelling.name}, {"result", result}});
    }
  }
  impl_->watchdog = std::thread([impl = impl_.get()] { impl->watch(); });
}

AdminClient::~AdminClient() {
  std::deque<std::pair<AdminCall, Done>> given_up;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    given_up.swap(impl_->waiting);
    impl_->changed.notify_all();
  }
  for (auto& [call, done] : given_up) done(no_answer(call, "the operator stops"));
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return impl_->running.empty(); });
  lock.unlock();
  impl_->watchdog.join();
}

void AdminClient::set_key(SigningKey key) {
  const std::lock_guard lock(impl_->mutex);
  impl_->key = std::move(key);
}

void AdminClient::call(AdminCall call, Done done) {
  std::unique_lock lock(impl_->mutex);
  if (impl_->stopping || !impl_->key) {
    lock.unlock();
    done(no_answer(call, "the operator has no signing key yet, or stops"));
    return;
  }
  impl_->waiting.emplace_back(std::move(call), std::move(done));
  lock.unlock();
  impl_->start_waiting();
}

/// Starts what waits, as far as there is room.
void AdminClient::Impl::start_waiting() {
  for (;;) {
    const auto entry = std::make_shared<Running>();
    std::optional<SigningKey> with;
    {
      const std::lock_guard lock(mutex);
      if (stopping || waiting.empty() || running.size() >= static_cast<std::size_t>(kAdminCallsMax)) return;
      std::tie(entry->call, entry->done) = std::move(waiting.front());
      waiting.pop_front();
      entry->deadline = clock.steady() + kAdminTimeout;
      running.emplace(entry.get(), entry);
      with = key;
      if (watchdog_rests) changed.notify_all();
    }
    try {
      start(entry, *with);
    } catch (const std::exception& e) {
      finish(entry, no_answer(entry->call, e.what()));
    }
  }
}

/// Starts one call's chain of tasks. Throws what cpprestsdk throws where it cannot even begin.
void AdminClient::Impl::start(const std::shared_ptr<Running>& entry, const SigningKey& with) {
  http_request request = make_request(entry->call, with.sign(entry->call.uid, clock.wall(), kTokenValidity));
  const Concurrency::streams::rawptr_buffer<std::uint8_t> buffer(entry->answer.data(), entry->answer.size());
  request.set_response_stream(buffer.create_ostream());
  http_client_config config;
  config.set_timeout(kAdminTimeout);
  config.set_max_redirects(0);  // The token is for this pod alone, and so is the answer that counts.
  // A client of its own for each call, and so a connection: none can go stale between calls that are seconds apart.
  http_client client("http://" + entry->call.address, config);
  client.request(request, entry->cancel.get_token())
      .then([](const http_response& response) { return response.content_ready(); })
      .then([self = shared_from_this(), entry](const pplx::task<http_response>& task) {
        const AdminCall& call = entry->call;
        try {
          const int status = task.get().status_code();
          const char* text = reinterpret_cast<const char*>(entry->answer.data());
          self->finish(entry, read_answer(call, status, std::string(text, strnlen(text, kAnswerBytesMax))));
        } catch (const web::http::http_exception& e) {
          Error error = no_answer(call, e.what());
          if (refused(e.error_code())) error.code = ErrorCode::kNotFound;
          self->finish(entry, std::move(error));
        } catch (const std::exception& e) {
          self->finish(entry, no_answer(call, e.what()));
        }
        self->start_waiting();
      });
}

void AdminClient::Impl::finish(const std::shared_ptr<Running>& entry, Result<GatewayState> answer) {
  count(entry->call.verb, result_name(answer));
  entry->done(std::move(answer));
  const std::lock_guard lock(mutex);
  running.erase(entry.get());
  if (stopping) changed.notify_all();
}

/// cpprestsdk's time-out starts anew with each byte; this one does not.
void AdminClient::Impl::watch() {
  std::unique_lock lock(mutex);
  while (!stopping || !running.empty()) {
    // Calls come and go by the dozen a second: who has no deadline to keep is woken by the first, and by no other.
    watchdog_rests = running.empty();
    if (watchdog_rests) {
      changed.wait(lock);
      continue;
    }
    const SteadyTime now = clock.steady();
    std::vector<std::shared_ptr<Running>> overdue;
    SteadyTime next = now + kAdminTimeout;
    for (const auto& [id, entry] : running) {
      if (entry->deadline <= now) {
        overdue.push_back(entry);
      } else {
        next = std::min(next, entry->deadline);
      }
    }
    lock.unlock();
    for (const auto& entry : overdue) entry->cancel.cancel();
    lock.lock();
    if (overdue.empty()) {
      changed.wait_for(lock, next - now);
    } else {
      changed.wait_for(lock, kAdminRetry);
    }
  }
}

}  // namespace sluice::op
