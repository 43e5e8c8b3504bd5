// HTTP client on libcurl's multi interface: one thread drives every transfer, so that calls and long watches to one
// server share one HTTP/2 connection. The only door to libcurl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string url;  ///< Absolute, already percent-encoded.
  Headers headers;
  std::string body;
  Duration timeout{30'000};  ///< For the whole call; for a stream, until the response's headers are here.
  std::size_t response_bytes_max = 256u << 20;  ///< A longer body ends the call with kInvalid. Not for streams.
};

struct Response {
  int status = 0;   ///< 100-599.
  Headers headers;  ///< Names in lower case.
  std::string body;

  /// The first header named `name` (lower case); empty where there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

/// How the server is authenticated and how we authenticate to it. PEM texts, not paths: who reads files re-reads them.
struct TlsOptions {
  std::string ca_pem;       ///< Trusted roots; empty means the system's.
  std::string cert_pem;     ///< Client certificate chain; empty for none.
  std::string key_pem;      ///< Its private key. A secret.
  std::string server_name;  ///< Name to verify instead of the URL's host; empty for the host.
  /// Whoever answers is taken for the server. For a test cluster; `ca_pem` is not looked at.
  bool insecure_skip_verify = false;
};

/// A running stream (a watch). Destroying it cancels the transfer and waits until no callback runs any more; it must
/// not be destroyed from inside its own callback.
class Stream {
 public:
  virtual ~Stream() = default;
};

/// Nobody waits longer than a day because the other side says so. In seconds, so that what a peer sends can be compared
/// before it is made milliseconds, which it might not fit into.
inline constexpr std::chrono::seconds kRetryAfterMax{86'400};
/// Seconds to wait as a Retry-After header says them; unset where it has none (dates are answered relative to `now`).
std::optional<Duration> parse_retry_after(std::string_view value, WallTime now);

/// Threads: any. Results are about transport only: a 404 is a Response, a refused connection is kUnavailable. Of an
/// answer that is no 2xx the body may be cut where the connection broke: its status counts. Where a call's or stream's
/// time is over and nothing at all has come from the other side meanwhile, what is begun later goes over a connection
/// of its own: the old one may be dead, whatever its kernel says.
class Client {
 public:
  struct Options {
    TlsOptions tls;
    bool http2 = true;         ///< Ask for HTTP/2 over TLS by ALPN; falls back to 1.1 by itself.
    long connections_max = 8;  ///< To one host; more calls wait their turn.
    Duration connect_timeout{5'000};
    /// A peer that has vanished without a word is noticed after about this long; at least a second.
    Duration peer_lost_after{20'000};
    std::string user_agent = "sluice";
    /// http, https or socks5 (which resolves the server's name); goes before the environment's, and is used for our own
    /// host, too. Empty goes by the environment. May hold a password.
    std::string proxy_url{};
  };
  explicit Client(Options options);
  /// Cancels what is under way: pending callers get kUnavailable.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Blocks until the answer is here. Must not be called from a callback of this client.
  Result<Response> send(Request request);
  /// `done` runs on the client's thread, exactly once, and must not block.
  /// Where 4,096 calls and streams are under way already the end (kUnavailable) is told at once, on the caller's
  /// thread.
  void send_async(Request request, std::function<void(Result<Response>)> done);

  struct StreamCallbacks {
    /// Status and headers are here. Where the status is not 2xx, the body (up to 64 KiB) is not streamed but comes with
    /// on_end.
    std::function<void(const Response& head)> on_head;
    /// A piece of the body, as it came. Valid during the call.
    std::function<void(std::string_view piece)> on_data;
    /// The stream has ended: ok with the final Response (an error's body included), or the transport's failure. Runs
    /// exactly once unless the Stream is destroyed first; nothing runs after it.
    std::function<void(Result<Response> end)> on_end;
  };
  /// Callbacks run on the client's thread and must not block. A stream that receives nothing for `idle_timeout` ends
  /// with kUnavailable (0: never).
  std::unique_ptr<Stream> stream(Request request, StreamCallbacks callbacks, Duration idle_timeout);

  /// Ends all calls and streams with kUnavailable, now and from now on, so that who waits for them need not.
  void shut_down();

  /// New credentials or roots for connections made from now on; the pool's old connections are not reused for new
  /// calls.
  void set_tls(TlsOptions tls);

 private:
  class Loop;
  class StreamHandle;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Percent-encodes one path segment or query value (RFC 3986 unreserved stays).
std::string url_encode(std::string_view text);
/// Decodes %XX; leaves a broken escape as it is. '+' stays '+'.
std::string url_decode(std::string_view text);

}  // namespace sluice::http
