#include "common/kube/client.h"

#include <condition_variable>
#include <map>
#include <mutex>

#include "common/kube/credentials.h"
#include "common/kube/watch_decoder.h"

namespace sluice::kube {
namespace {

/// A large list takes the API server long; it gives up by itself after 60 s.
constexpr Duration kListTimeout{65'000};
/// A bookmark comes each minute where nothing else does: two are missing, so the watch is dead.
constexpr Duration kWatchIdleTimeout{150'000};

constexpr const char* kJsonType = "application/json";

const char* content_type(PatchType type) {
  switch (type) {
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kApply:
      return "application/apply-patch+yaml";  // JSON is YAML
  }
  return kJsonType;
}

/// "?a=b&c=d" from the values that are not empty.
class Query {
 public:
  Query& add(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    text_ += text_.empty() ? '?' : '&';
    text_.append(name).append("=").append(http::url_encode(value));
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// A call as the methods describe it; `what` names it in errors.
struct Call {
  std::string method;
  std::string path;
  std::string query;
  std::string content_type = kJsonType;
  std::string body;
  Duration timeout = Client::kCallTimeout;

  [[nodiscard]] std::string what() const { return method + " " + path; }
};

Result<std::string> to_text(const Json& object, const std::string& what) {
  try {
    return object.dump();
  } catch (const Json::exception&) {
    return Error{ErrorCode::kInvalid, what + ": the object holds bytes that are not UTF-8"};
  }
}

/// Counts answers as client-go does. Threads: any.
class RequestCounter {
 public:
  explicit RequestCounter(MetricsRegistry* metrics) : metrics_(metrics) {}

  /// `status` 0 stands for a call without an answer.
  void count(const std::string& method, int status) {
    if (metrics_ == nullptr) return;
    const std::lock_guard lock(mutex_);
    auto found = counters_.find({method, status});
    if (found == counters_.end()) {
      const std::string code = status == 0 ? "<error>" : std::to_string(status);
      const Counter counter = metrics_->counter("rest_client_requests_total", "Calls to the Kubernetes API.",
                                                {{"code", code}, {"method", method}});
      found = counters_.emplace(std::make_pair(method, status), counter).first;
    }
    found->second.add();
  }

 private:
  MetricsRegistry* metrics_;
  std::mutex mutex_;
  std::map<std::pair<std::string, int>, Counter> counters_;  // methods and statuses are few
};

/// What a watch's callbacks share. Client's thread only.
struct WatchState {
  Client::WatchCallbacks callbacks;
  std::string what;
  WatchDecoder decoder;
  bool answered = false;  // its status is here, and counted
  bool ended = false;

  void end(Status status) {
    if (ended) return;
    ended = true;
    if (callbacks.on_end) callbacks.on_end(std::move(status));
  }
};

/// What a stream's end means to the owner of the watch.
Status watch_end(const WatchState& watch, const Result<http::Response>& end, WallTime now) {
  if (!end) {
    Error error = end.error();
    // Our own TLS library refused what we gave it, say half of a rotation. That is no word of the server about what was
    // asked of it, as its 400 and 422 are.
    if (error.code == ErrorCode::kInvalid) error.code = ErrorCode::kUnavailable;
    return error;
  }
  if (end->status >= 200 && end->status < 300) {
    if (watch.decoder.at_line_start()) return Status::success();
    return Error{ErrorCode::kUnavailable, watch.what + ": the watch ended inside an event"};
  }
  return error_from_answer(*end, watch.what, now);
}

}  // namespace

struct Client::Impl {
  const Config config;
  const Clock& clock;
  Credentials credentials;
  RequestCounter counter;
  http::Client http;
  std::mutex mutex;
  std::condition_variable stopped;
  bool stopping = false;

  Impl(Config c, std::string user_agent, MetricsRegistry* metrics, const Clock& k)
      : config(std::move(c)),
        clock(k),
        credentials(config),
        counter(metrics),
        http({.tls = config.tls, .peer_lost_after = kPeerLostAfter, .user_agent = std::move(user_agent)}) {}

  http::Request request(const Call& call);
  Result<http::Response> send(const Call& call);
  Result<Json> send_json(const Call& call);
  void saw_status(const std::string& method, int status);
  void saw_failure(const std::string& method, const Error& error);
  bool pause(Duration wait);
};

http::Request Client::Impl::request(const Call& call) {
  Credentials::Current current = credentials.current(clock.steady());
  if (current.new_tls) http.set_tls(std::move(*current.new_tls));
  http::Request out;
  out.method = call.method;
  out.url = config.server + call.path + call.query;
  out.headers.emplace_back("Accept", kJsonType);
  if (!call.body.empty()) out.headers.emplace_back("Content-Type", call.content_type);
  if (!current.token.empty()) out.headers.emplace_back("Authorization", "Bearer " + current.token);
  out.body = call.body;
  out.timeout = call.timeout;
  return out;
}

void Client::Impl::saw_status(const std::string& method, int status) {
  counter.count(method, status);
  if (status == 401) credentials.suspect();
}

/// There was no answer.
void Client::Impl::saw_failure(const std::string& method, const Error& error) {
  counter.count(method, 0);
  // What we gave could not be used: perhaps a certificate and a key of two rotations.
  if (error.code == ErrorCode::kInvalid) credentials.suspect();
}

/// False where the client ends meanwhile.
bool Client::Impl::pause(Duration wait) {
  std::unique_lock lock(mutex);
  return !stopped.wait_for(lock, wait, [this] { return stopping; });
}

Result<http::Response> Client::Impl::send(const Call& call) {
  const SteadyTime deadline = clock.steady() + call.timeout;
  for (int attempt = 1;; ++attempt) {
    http::Request next = request(call);
    next.timeout = std::max(std::chrono::ceil<Duration>(deadline - clock.steady()), Duration(1));
    Result<http::Response> answer = http.send(std::move(next));
    if (!answer) {
      saw_failure(call.method, answer.error());
      return answer;
    }
    saw_status(call.method, answer->status);
    const auto time_left = std::chrono::floor<Duration>(deadline - clock.steady());
    const std::optional<Duration> wait = retry_wait(*answer, attempt, time_left, clock.wall());
    if (!wait || !pause(*wait)) return answer;
  }
}

Result<Json> Client::Impl::send_json(const Call& call) {
  Result<http::Response> answer = send(call);
  if (!answer) return answer.error();
  if (answer->status < 200 || answer->status >= 300) return error_from_answer(*answer, call.what(), clock.wall());
  Json object = Json::parse(answer->body, nullptr, false);
  if (!object.is_object()) return Error{ErrorCode::kUnavailable, call.what() + ": the answer is no JSON object"};
  return object;
}

Client::Client(Config config, std::string user_agent, MetricsRegistry* metrics, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(user_agent), metrics, clock)) {}

Client::~Client() {
  shut_down();
}

void Client::shut_down() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->stopped.notify_all();
  }
  impl_->http.shut_down();
}

Result<Json> Client::get(const Resource& resource, std::string_view ns, std::string_view name,
                         std::string_view subresource, Duration timeout) {
  return impl_->send_json({.method = "GET", .path = resource.path(ns, name, subresource), .timeout = timeout});
}

Result<Json> Client::list(const Resource& resource, std::string_view ns, const ListOptions& options) {
  // Only a read from etcd comes in pages: its pages are of one version. If the version is compacted away before the
  // last page, the whole is read in one piece, as client-go's pager does.
  bool paged = options.resource_version.empty() && options.page_size > 0;
  Json whole;
  std::string next;
  for (;;) {
    Query query;
    query.add("labelSelector", options.label_selector).add("fieldSelector", options.field_selector);
    query.add("resourceVersion", options.resource_version);
    if (!options.resource_version.empty()) query.add("resourceVersionMatch", "NotOlderThan");
    if (paged) query.add("limit", std::to_string(options.page_size)).add("continue", next);
    Result<Json> page =
        impl_->send_json({.method = "GET", .path = resource.path(ns), .query = query.text(), .timeout = kListTimeout});
    if (!page && page.error().code == ErrorCode::kExpired && !next.empty()) {
      paged = false;
      next.clear();
      whole = Json();
      continue;
    }
    if (!page) return page;
    if (!(*page)["items"].is_array()) (*page)["items"] = Json::array();
    next = text_at(*page, "/metadata/continue");
    if (whole.is_null()) {
      whole = std::move(*page);
    } else {
      Json::array_t& items = (*page)["items"].get_ref<Json::array_t&>();
      Json::array_t& all = whole["items"].get_ref<Json::array_t&>();
      all.insert(all.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
      whole["metadata"] = std::move((*page)["metadata"]);
    }
    if (next.empty()) return whole;
  }
}

Result<Json> Client::create(const Resource& resource, std::string_view ns, const Json& object, Duration timeout) {
  Call call{.method = "POST", .path = resource.path(ns), .timeout = timeout};
  Result<std::string> body = to_text(object, call.what());
  if (!body) return body.error();
  call.body = std::move(*body);
  return impl_->send_json(call);
}

Result<Json> Client::replace(const Resource& resource, std::string_view ns, const Json& object,
                             std::string_view subresource, Duration timeout) {
  Call call{.method = "PUT", .path = resource.path(ns, name_of(object), subresource), .timeout = timeout};
  if (name_of(object).empty()) return Error{ErrorCode::kInvalid, call.what() + ": the object has no name"};
  Result<std::string> body = to_text(object, call.what());
  if (!body) return body.error();
  call.body = std::move(*body);
  return impl_->send_json(call);
}

Result<Json> Client::patch(const Resource& resource, std::string_view ns, std::string_view name, PatchType type,
                           const Json& body, const PatchOptions& options) {
  Query query;
  query.add("fieldManager", options.field_manager).add("force", options.force ? "true" : "");
  Call call{.method = "PATCH",
            .path = resource.path(ns, name, options.subresource),
            .query = query.text(),
            .content_type = content_type(type),
            .timeout = options.timeout};
  Result<std::string> text = to_text(body, call.what());
  if (!text) return text.error();
  call.body = std::move(*text);
  return impl_->send_json(call);
}

Result<Json> Client::remove(const Resource& resource, std::string_view ns, std::string_view name,
                            const DeleteOptions& options) {
  Json body{{"kind", "DeleteOptions"}, {"apiVersion", "v1"}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) body["preconditions"]["resourceVersion"] = options.resource_version;
  if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
  if (options.grace_seconds) body["gracePeriodSeconds"] = *options.grace_seconds;
  Call call{.method = "DELETE", .path = resource.path(ns, name)};
  // Without a name this path is the collection's: nobody means that here.
  if (name.empty()) return Error{ErrorCode::kInvalid, call.what() + ": no name is given"};
  Result<std::string> text = to_text(body, call.what());
  if (!text) return text.error();
  call.body = std::move(*text);
  return impl_->send_json(call);
}

Result<http::Response> Client::raw(std::string_view method, std::string_view path, std::string body) {
  return impl_->send({.method = std::string(method), .path = std::string(path), .body = std::move(body)});
}

std::unique_ptr<http::Stream> Client::watch(const Resource& resource, std::string_view ns, const WatchOptions& options,
                                            WatchCallbacks callbacks) {
  Query query;
  query.add("watch", "true").add("allowWatchBookmarks", "true");
  query.add("labelSelector", options.label_selector).add("fieldSelector", options.field_selector);
  query.add("resourceVersion", options.resource_version);
  if (options.send_initial_events) {
    query.add("sendInitialEvents", "true").add("resourceVersionMatch", "NotOlderThan");
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.timeout);
  query.add("timeoutSeconds", std::to_string(seconds.count()));
  const Call call{.method = "GET", .path = resource.path(ns), .query = query.text()};

  auto state = std::make_shared<WatchState>();
  state->callbacks = std::move(callbacks);
  state->what = "watch " + call.path;
  http::Client::StreamCallbacks stream;
  stream.on_head = [state, impl = impl_.get()](const http::Response& head) {
    state->answered = true;
    impl->saw_status("GET", head.status);
  };
  stream.on_data = [state](std::string_view piece) {
    if (state->ended) return;
    if (Status fed = state->decoder.feed(piece, state->callbacks.on_event); !fed) {
      state->end(fed.error().in(state->what));
    }
  };
  stream.on_end = [state, impl = impl_.get()](const Result<http::Response>& end) {
    if (!end && !state->answered) impl->saw_failure("GET", end.error());
    state->end(watch_end(*state, end, impl->clock.wall()));
  };
  return impl_->http.stream(impl_->request(call), std::move(stream), kWatchIdleTimeout);
}

const std::string& Client::default_namespace() const {
  return impl_->config.default_namespace;
}

bool is_initial_events_end(const Json& bookmark) {
  return annotation_of(bookmark, "k8s.io/initial-events-end") == "true";
}

}  // namespace sluice::kube
