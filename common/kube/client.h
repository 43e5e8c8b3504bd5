// The Kubernetes API, typed by Resource and JSON. Blocking calls; each one retries what the server asks to have retried
// (429 and 5xx with Retry-After, at most 10 times within the call's time limit) and nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/metrics.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/kube/config.h"
#include "common/kube/resource.h"

namespace sluice::kube {

struct ListOptions {
  std::string label_selector;
  std::string field_selector;
  /// "" reads the newest (quorum); "0" whatever the API server's cache holds; another one, a state no older than it.
  std::string resource_version;
  int page_size = 500;  ///< Objects a call where "" is read; the other reads come from a cache and in one piece.
};

struct WatchOptions {
  std::string label_selector;
  std::string field_selector;
  std::string resource_version;
  Duration timeout{std::chrono::minutes(7)};  ///< The server ends the watch after it.
  /// WatchList: the state comes first as ADDED events, then a BOOKMARK for which is_initial_events_end() holds, then
  /// the changes. The state is no older than `resource_version`. Source: KEP-3157.
  bool send_initial_events = false;
};

/// kStrategicMerge works on the built-in types alone, not on custom resources.
enum class PatchType { kMerge, kJson, kStrategicMerge, kApply };

struct PatchOptions {
  std::string subresource;    ///< "status", "scale" or "".
  std::string field_manager;  ///< Required for kApply.
  bool force = false;         ///< kApply: take over fields of other managers.
  bool dry_run = false;       ///< All is checked and answered as if, and nothing is kept.
  Duration timeout{30'000};   ///< Of the call, its retries included.
};

struct CreateOptions {
  /// The server has taken an object like this one before: it need not look for unknown and double fields again, which
  /// costs it a second decoding.
  bool known_good = false;
  Duration timeout{30'000};  ///< Of the call, its retries included.
};

struct ProxyOptions {
  std::string scheme;  ///< "https" where the pod speaks that on the port; "" for HTTP.
  Duration timeout{10'000};
  std::size_t bytes_max = 8u << 20;  ///< A longer answer is kInvalid.
};

struct DeleteOptions {
  std::string uid;               ///< Precondition: only this very object. Empty for none.
  std::string resource_version;  ///< Precondition: only in this version. Empty for none.
  std::string propagation;       ///< "Background", "Foreground", "Orphan" or "" for the default.
  std::optional<std::int64_t> grace_seconds;
};

/// One line of a watch. BOOKMARK carries only a resource version; ERROR carries a Status.
struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError };
  Type type;
  Json object;
};

/// Whether a BOOKMARK says that the state asked for with send_initial_events is complete.
bool is_initial_events_end(const Json& bookmark);

/// How long to wait before call number `attempt` (1 is the first retry) after `answer`; nothing where it stands: where
/// it is no 429 or 5xx with a Retry-After, after 10 retries, or where the wait would not fit into `time_left`. Source:
/// client-go rest/with_retry.go.
std::optional<Duration> retry_wait(const http::Response& answer, int attempt, Duration time_left, WallTime now);

/// Turns an API answer's Status (or a bare HTTP status) into an Error; the message keeps the server's sentence. A
/// resource version from the future is kExpired, as one that is too old.
Error error_from_status(int http_status, std::string_view body, std::string_view what);
/// The same from a whole answer, whose Retry-After goes before what the Status says.
Error error_from_answer(const http::Response& answer, std::string_view what, WallTime now);

/// Threads: any. One HTTP/2 connection carries all of it. Errors as error_from_status names them: 404 kNotFound, 409
/// kConflict (AlreadyExists too), 410 kExpired, 401/403 kDenied, 400/422 kInvalid, 429/5xx/transport kUnavailable.
class Client {
 public:
  /// The time limit of a call, its retries included, where it names none. A list has 65 s a page.
  static constexpr Duration kCallTimeout{30'000};
  /// An API server that has vanished without a word is noticed after about this long: in time for a leader to renew its
  /// Lease over another connection.
  static constexpr Duration kPeerLostAfter{4'000};

  /// Lives longer than what uses it. `metrics` (may be null) gets rest_client_requests_total{code,method,host} and
  /// rest_client_request_duration_seconds{verb,host}. `clock` says when credentials are to be read again, and how far a
  /// date in Retry-After is.
  Client(Config config, std::string user_agent, MetricsRegistry* metrics, const Clock& clock = kSystemClock);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Result<Json> get(const Resource& resource, std::string_view ns, std::string_view name,
                   std::string_view subresource = {}, Duration timeout = kCallTimeout);
  /// The List object; pages of 500 are followed and joined.
  Result<Json> list(const Resource& resource, std::string_view ns, const ListOptions& options = {});
  /// The same, each object handed to `on_object` as it is decoded and then forgotten, so that a list of thousands costs
  /// little more than its text; the answer is the List without them. Where a page is too old and all begins again,
  /// `on_restart` comes first.
  struct ListSink {
    std::function<void(Json)> on_object;
    std::function<void()> on_restart;
  };
  Result<Json> list_each(const Resource& resource, std::string_view ns, const ListOptions& options,
                         const ListSink& sink);
  /// As Protobuf where the resource is `written` so. Whoever takes none (415) is sent JSON at once, and from then on.
  Result<Json> create(const Resource& resource, std::string_view ns, const Json& object,
                      const CreateOptions& options = {});
  /// POST to a subresource: a pod's "eviction" or "binding", a service account's "token".
  Result<Json> create_subresource(const Resource& resource, std::string_view ns, std::string_view name,
                                  std::string_view subresource, const Json& object, Duration timeout = kCallTimeout);
  /// PUT; metadata.resourceVersion in `object` makes it conditional.
  Result<Json> replace(const Resource& resource, std::string_view ns, const Json& object,
                       std::string_view subresource = {}, Duration timeout = kCallTimeout);
  Result<Json> patch(const Resource& resource, std::string_view ns, std::string_view name, PatchType type,
                     const Json& body, const PatchOptions& options = {});
  /// Answers the deleted object, still there where finalizers hold it, or a Status.
  Result<Json> remove(const Resource& resource, std::string_view ns, std::string_view name,
                      const DeleteOptions& options = {});
  /// Any path, for discovery and raw reads. Each status is an answer here, also 404.
  Result<http::Response> raw(std::string_view method, std::string_view path, std::string body = {});

  /// GET on a port of a pod, through the API server (verb get on pods/proxy): "/metrics" with its query. Answers the
  /// body of a 2xx. Errors as of any call; what the pod itself answers otherwise is one of them, too.
  Result<std::string> proxy_get(std::string_view ns, std::string_view pod, int port, std::string_view path,
                                const ProxyOptions& options = {});

  struct WatchCallbacks {
    std::function<void(WatchEvent)> on_event;  ///< In order, on the client's thread: must not block.
    std::function<void(Status)> on_end;        ///< Once; ok where the server ended it in peace.
  };
  /// Destroying the Stream cancels it.
  std::unique_ptr<http::Stream> watch(const Resource& resource, std::string_view ns, const WatchOptions& options,
                                      WatchCallbacks callbacks);

  /// Ends all calls, retries and watches with kUnavailable, now and from now on: a program that stops need not wait for
  /// an API server that does not answer.
  void shut_down();

  [[nodiscard]] const std::string& default_namespace() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Calls `attempt` again, up to 5 times 10 ms (x2, jitter) apart, while it answers kConflict: it must read the object
/// anew each time. `wait` waits for so long. Source: client-go util/retry.DefaultRetry.
Status retry_on_conflict(const std::function<Status()>& attempt, Random& random,
                         const std::function<void(Duration)>& wait);

}  // namespace sluice::kube
