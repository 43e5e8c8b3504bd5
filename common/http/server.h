// HTTP/1.1 server with optional TLS on Boost.Beast and Asio: the adapter's API and the operator's probes and metrics.
// The only door to Boost. One thread does I/O, a bounded pool of workers runs the handler; connections, header and body
// sizes and every wait are bounded, so a silent or slow peer costs little and goes away. Why not cpprestsdk's listener:
// docs/ARCHITECTURE.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::http {

struct ServerRequest {
  std::string method;
  std::string path;                                          ///< Still percent-encoded, without the query.
  std::string query;                                         ///< Behind '?', without it.
  std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case, in order; a name may come twice.
  std::string body;
  std::string peer_address;
  /// The client's certificate chain, DER, leaf first; empty where it sent none. The server has proven possession of the
  /// leaf's key (TLS handshake) but trusts nobody: whoever reads it verifies the chain.
  std::vector<std::string> peer_chain_der;

  /// The first header named `name` (lower case); empty where there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct ServerResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  /// Shared so that a pre-serialised answer is sent without a copy. Null means empty.
  std::shared_ptr<const std::string> body;

  static ServerResponse text(int status, std::string body);
  static ServerResponse json(int status, std::string body);
};

/// A client's certificate chain that is longer ends the handshake. A chain of three is 4 to 20 KiB.
inline constexpr std::size_t kClientChainBytesMax = 32u << 10;
inline constexpr int kClientChainMax = 8;         ///< Certificates in it.
inline constexpr int kClientChainPartsMax = 256;  ///< Parts of their names, and extensions.

struct ServerOptions {
  std::string address = "0.0.0.0";
  std::uint16_t port = 0;  ///< 0: any free one, see port().
  bool tls = false;
  std::string cert_pem;  ///< Chain, leaf first.
  std::string key_pem;   ///< A secret.
  bool ask_client_certificate = false;
  int workers = 8;       ///< Threads that run the handler.
  int queue_max = 1024;  ///< Requests that wait for a worker; one more is answered 503 with Retry-After: 1.
  /// At the cap a new connection takes the place of the one that has waited longest for its peer; where every other
  /// has a request under way, it is closed at once.
  int connections_max = 4096;
  std::size_t header_bytes_max = 32u << 10;
  int header_fields_max = 1000;  ///< A field of two letters takes twenty times its bytes.
  std::size_t body_bytes_max = 1u << 20;
  Duration handshake_timeout{5'000};
  Duration header_timeout{10'000};  ///< From the first byte of a request to the end of its headers and body.
  Duration idle_timeout{90'000};    ///< Between requests of one connection.
  /// Makes the answers that no handler makes (400, 413, 431, 500, 503). Threads: any.
  std::function<ServerResponse(int status, std::string message)> refusal = ServerResponse::text;
};

/// Runs from start() until destroyed. Threads: any.
class Server {
 public:
  /// Runs on a worker thread and may block. An exception it lets out is logged and answered 500.
  using Handler = std::function<ServerResponse(const ServerRequest&)>;

  /// Errors: kInvalid (certificate or key unusable), kUnavailable (address in use; the message names it).
  static Result<std::unique_ptr<Server>> start(ServerOptions options, Handler handler);
  virtual ~Server() = default;

  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// A new certificate for handshakes from now on; open connections go on. Errors: kInvalid, and the old one stays.
  virtual Status set_certificate(const std::string& cert_pem, const std::string& key_pem) = 0;
  /// Stops to accept, lets the requests under way finish within `at_most`, then closes all connections. Returns when no
  /// handler runs any more: what a handler waits for must end by itself, or by whoever stops.
  virtual void stop(Duration at_most) = 0;
};

}  // namespace sluice::http
