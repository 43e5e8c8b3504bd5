#include "common/kube/client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/kube/client_impl.h"
#include "common/kube/list_reader.h"
#include "common/kube/watch_decoder.h"

namespace sluice::kube {
namespace {

/// A large list takes the API server long; it gives up by itself after 60 s.
constexpr Duration kListTimeout{65'000};
/// A bookmark comes each minute where nothing else does: two are missing, so the watch is dead.
constexpr Duration kWatchIdleTimeout{150'000};

constexpr int kUnsupportedMediaType = 415;

const char* content_type(PatchType type) {
  switch (type) {
    case PatchType::kMerge:
      return "application/merge-patch+json";
    case PatchType::kJson:
      return "application/json-patch+json";
    case PatchType::kStrategicMerge:
      return "application/strategic-merge-patch+json";
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

Result<std::string> to_text(const Json& object, const std::string& what) {
  try {
    return object.dump();
  } catch (const Json::exception&) {
    return Error{ErrorCode::kInvalid, what + ": the object holds bytes that are not UTF-8"};
  }
}

/// A watch that never began: its end has been told.
class EndedStream final : public http::Stream {};

/// What a watch's callbacks share. Client's thread only.
struct WatchState {
  Client::WatchCallbacks callbacks;
  std::string what;
  const ProtobufMessage* message = nullptr;  // as Resource has it
  WatchDecoder decoder;
  std::uint64_t generation = 0;  // of the credentials that it was begun with
  bool answered = false;         // its status is here, and counted
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
    if (watch.decoder.at_event_start()) return Status::success();
    return Error{ErrorCode::kUnavailable, watch.what + ": the watch ended inside an event"};
  }
  return error_from_answer(*end, watch.what, now);
}

}  // namespace

Client::Client(Config config, std::string user_agent, MetricsRegistry* metrics, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(user_agent), metrics, clock)) {}

Client::~Client() {
  shut_down();
}

void Client::shut_down() {
  {
    const MutexLock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->stopped.notify_all();
  }
  impl_->credentials.shut_down();
  impl_->http.shut_down();
}

Result<Json> Client::get(const Resource& resource, std::string_view ns, std::string_view name,
                         std::string_view subresource, Duration timeout) {
  return impl_->send_json(
      {.method = "GET", .path = resource.path(ns, name, subresource), .timeout = timeout, .message = resource.message});
}

Result<Json> Client::list(const Resource& resource, std::string_view ns, const ListOptions& options) {
  Json::array_t items;
  Result<Json> whole = list_each(
      resource, ns, options,
      {.on_object = [&](Json object) { items.push_back(std::move(object)); }, .on_restart = [&] { items.clear(); }});
  if (whole) (*whole)["items"] = std::move(items);
  return whole;
}

Result<Json> Client::list_each(const Resource& resource, std::string_view ns, const ListOptions& options,
                               const ListSink& sink) {
  // Only a read from etcd comes in pages: its pages are of one version. If the version is compacted away before the
  // last page, the whole is read in one piece, as client-go's pager does.
  bool paged = options.resource_version.empty() && options.page_size > 0;
  std::string next;
  for (;;) {
    Query query;
    query.add("labelSelector", options.label_selector).add("fieldSelector", options.field_selector);
    query.add("resourceVersion", options.resource_version);
    if (!options.resource_version.empty()) query.add("resourceVersionMatch", "NotOlderThan");
    if (paged) query.add("limit", std::to_string(options.page_size)).add("continue", next);
    const Call call{.method = "GET",
                    .path = resource.path(ns),
                    .query = query.text(),
                    .timeout = kListTimeout,
                    .message = resource.message};
    Result<http::Response> answer = impl_->send_ok(call);
    if (!answer && answer.error().code == ErrorCode::kExpired && !next.empty()) {
      paged = false;
      next.clear();
      if (sink.on_restart) sink.on_restart();
      continue;
    }
    if (!answer) return answer.error();
    const bool protobuf = resource.message != nullptr && is_protobuf(*answer);
    Result<Json> page = protobuf ? read_protobuf_list(answer->body, *resource.message, sink.on_object)
                                 : read_list(answer->body, sink.on_object);
    if (!page) return page.error().in(call.what());
    next = text_at(*page, "/metadata/continue");
    if (next.empty()) return page;
  }
}

Result<Json> Client::create(const Resource& resource, std::string_view ns, const Json& object,
                            const CreateOptions& options) {
  Query query;
  if (options.known_good) query.add("fieldValidation", "Ignore");
  Call call{.method = "POST",
            .path = resource.path(ns),
            .query = query.text(),
            .timeout = options.timeout,
            .message = resource.message};
  if (resource.written != nullptr && impl_->takes_protobuf) {
    if (std::optional<std::string> bytes = write_protobuf_object(object, *resource.written)) {
      call.body = std::move(*bytes);
      call.content_type = kProtobufType;
      const SteadyTime deadline = impl_->clock.steady() + options.timeout;
      const Result<http::Response> answer = impl_->send(call);
      if (!answer) return answer.error();
      if (answer->status != kUnsupportedMediaType) return impl_->read_json(call, *answer);
      impl_->takes_protobuf = false;
      call.content_type = kJsonType;
      call.timeout = std::max(std::chrono::floor<Duration>(deadline - impl_->clock.steady()), Duration(1));
    }
  }
  Result<std::string> body = to_text(object, call.what());
  if (!body) return body.error();
  call.body = std::move(*body);
  return impl_->send_json(call);
}

Result<Json> Client::create_subresource(const Resource& resource, std::string_view ns, std::string_view name,
                                        std::string_view subresource, const Json& object, Duration timeout) {
  Call call{.method = "POST", .path = resource.path(ns, name, subresource), .timeout = timeout};
  if (name.empty() || subresource.empty()) {
    return Error{ErrorCode::kInvalid, call.what() + ": no name or no subresource is given"};
  }
  Result<std::string> body = to_text(object, call.what());
  if (!body) return body.error();
  call.body = std::move(*body);
  return impl_->send_json(call);
}

Result<Json> Client::replace(const Resource& resource, std::string_view ns, const Json& object,
                             std::string_view subresource, Duration timeout) {
  Call call{.method = "PUT",
            .path = resource.path(ns, name_of(object), subresource),
            .timeout = timeout,
            .message = resource.message};
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
  query.add("dryRun", options.dry_run ? "All" : "");
  Call call{.method = "PATCH",
            .path = resource.path(ns, name, options.subresource),
            .query = query.text(),
            .content_type = content_type(type),
            .timeout = options.timeout,
            .message = resource.message};
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
  Call call{.method = "DELETE", .path = resource.path(ns, name), .message = resource.message};
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

Result<std::string> Client::proxy_get(std::string_view ns, std::string_view pod, int port, std::string_view path,
                                      const ProxyOptions& options) {
  const std::string target =
      (options.scheme.empty() ? "" : options.scheme + ":") + std::string(pod) + ":" + std::to_string(port);
  Call call{.method = "GET",
            .path = kPods.path(ns) + "/" + target + "/proxy" + (path.starts_with('/') ? "" : "/") + std::string(path),
            .timeout = options.timeout,
            .response_bytes_max = options.bytes_max};
  // A name with a slash would be another path of the API server.
  const bool is_name = !pod.empty() && http::url_encode(pod) == pod;
  if (!is_name || ns.empty() || port < 1 || port > 65535) {
    return Error{ErrorCode::kInvalid, call.what() + ": no pod's name, namespace or port"};
  }
  Result<http::Response> answer = impl_->send_ok(call);
  if (!answer) return answer.error();
  return std::move(answer->body);
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
  const Call call{.method = "GET", .path = resource.path(ns), .query = query.text(), .message = resource.message};

  auto state = std::make_shared<WatchState>();
  state->callbacks = std::move(callbacks);
  state->what = "watch " + call.path;
  state->message = resource.message;
  Result<Impl::Signed> signed_call = impl_->sign(call, kCallTimeout);
  if (!signed_call) {
    state->end(Error{ErrorCode::kUnavailable, signed_call.error().message});
    return std::make_unique<EndedStream>();
  }
  state->generation = signed_call->generation;
  http::Client::StreamCallbacks stream;
  stream.on_head = [state, impl = impl_.get()](const http::Response& head) {
    state->answered = true;
    impl->saw_status("GET", head.status, state->generation);
    if (state->message != nullptr && is_protobuf(head)) state->decoder = WatchDecoder(state->message);
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
  return impl_->http.stream(std::move(signed_call->request), std::move(stream), kWatchIdleTimeout);
}

const std::string& Client::default_namespace() const {
  return impl_->config.default_namespace;
}

bool is_initial_events_end(const Json& bookmark) {
  return annotation_of(bookmark, "k8s.io/initial-events-end") == "true";
}

}  // namespace sluice::kube
