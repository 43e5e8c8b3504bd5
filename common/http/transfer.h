// One request on libcurl: what was asked, what has come back so far, whom to tell. Internal to the HTTP client:
// together with client.cc the only place that sees libcurl's header.
#pragma once

#include <curl/curl.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "common/http/client.h"

namespace sluice::http::internal {

/// Of an error's body, what a stream keeps: a Status of Kubernetes fits many times.
inline constexpr std::size_t kErrorBodyBytesMax = 64u << 10;
/// A header section that goes past it ends the transfer: the peer is not what we take it for.
inline constexpr std::size_t kHeaderBytesMax = 256u << 10;

/// Connections that transfers share. Its last user closes them. Threads: the client's own.
struct ConnectionPool {
  ConnectionPool();
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  CURLSH* const share;
  SteadyTime heard_at = SteadyTime::min();  ///< When something of an answer came over one of them last.
};

/// What every transfer of a client has in common.
struct Common {
  std::shared_ptr<const TlsOptions> tls;
  std::shared_ptr<ConnectionPool> pool;
  bool http2 = true;
  Duration connect_timeout{5'000};
  Duration peer_lost_after{20'000};
  std::string user_agent;
  std::string proxy_url;  ///< As curl_proxy() answers it; empty goes by the environment.
};

/// A proxy's URL as libcurl takes it: its socks5 leaves the server's name to be resolved here, Go's (and ours) to the
/// proxy.
std::string curl_proxy(std::string url);

/// Threads: the client's own, except for `cancelled`. Lives at least as long as its easy handle is in the multi handle.
class Transfer {
 public:
  /// A call collects its body and tells `callbacks.on_end`; a stream passes pieces on as they come.
  Transfer(Request request, Client::StreamCallbacks callbacks, bool streaming, Duration idle_timeout);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// Sets every option of `handle`, which is as new. Takes effect when it is added to a multi handle.
  /// Errors: kInvalid (a header with a line break), kInternal (libcurl refused an option).
  Status prepare(CURL* handle, const Common& common);
  [[nodiscard]] CURL* handle() const { return handle_; }

  [[nodiscard]] const std::shared_ptr<ConnectionPool>& pool() const { return pool_; }
  /// To be called once the handle has been removed and reset.
  void leave_pool() { pool_.reset(); }

  /// When the transfer has failed by time unless something happens before.
  [[nodiscard]] SteadyTime due() const;
  /// When to look at due() again: no later than the idle time-out that starts with the response's headers.
  [[nodiscard]] SteadyTime check_at(SteadyTime now) const;
  /// Whether nothing has come over any connection of its pool for as long as it has waited.
  [[nodiscard]] bool waits_in_silence() const;

  /// The result once libcurl is done with it. To be asked once.
  [[nodiscard]] Result<Response> outcome(CURLcode code);
  /// An error that names this request: "GET https://host/path: what".
  [[nodiscard]] Error error(ErrorCode code, const std::string& what) const;
  [[nodiscard]] Error timed_out() const;

  /// Tells the end, unless the owner has gone; then forgets the callbacks and what they captured.
  void end(Result<Response> result);

  /// Set by the owner: nothing more is to be told.
  std::atomic<bool> cancelled{false};
  /// Guarded by the loop's mutex: no callback runs any more.
  bool detached = false;

 private:
  static std::size_t on_header_line(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  bool take_header_line(std::string_view line);
  bool take_body(std::string_view piece);
  void head_complete();
  void note_heard();
  void set_method();
  void set_tls();
  void set_network(const Common& common);
  [[nodiscard]] Status set_headers();
  /// curl_easy_setopt that remembers the first refusal.
  template <typename Value>
  void set(CURLoption option, Value value);

  Request request_;
  Client::StreamCallbacks callbacks_;
  const bool streaming_;
  const Duration idle_timeout_;
  const SteadyTime begun_;
  const SteadyTime deadline_;
  SteadyTime last_piece_;

  CURL* handle_ = nullptr;
  CURLcode refusal_ = CURLE_OK;
  std::shared_ptr<const TlsOptions> tls_;  // libcurl reads the PEM texts in place
  std::shared_ptr<ConnectionPool> pool_;
  int peer_lost_after_ms_ = 0;
  curl_slist* headers_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> curl_message_{};

  Response response_;
  std::size_t header_bytes_ = 0;
  bool head_done_ = false;
  bool passing_on_ = false;         // a stream's 2xx body
  std::optional<Error> own_fault_;  // why a callback of ours ended the transfer
};

}  // namespace sluice::http::internal
