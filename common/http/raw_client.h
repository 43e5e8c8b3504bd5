// For tests: a client that speaks bytes, so that a test can be slow, silent or wrong.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/http/certificate.h"

namespace sluice::http {

inline constexpr int kTls11 = 0x0302;  ///< For ClientTls::version_max.

struct ClientTls {
  const CertifiedKey* identity = nullptr;  ///< The certificate to show.
  std::string extra_chain_pem = {};        ///< What to send behind it.
  int version_max = 0;                     ///< 0: the newest.
  std::string alpn = {};                   ///< As on the wire: "\x02h2".
};

/// A connection to 127.0.0.1. Reading gives up after 20 s. Threads: one.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int descriptor() const { return socket_; }
  /// Trusts any server. What is sent and received afterwards goes through TLS.
  bool handshake(const ClientTls& tls = {});
  [[nodiscard]] std::string alpn() const;
  /// The common name of the server's certificate.
  [[nodiscard]] std::string server_name() const;

  bool send(std::string_view text);
  /// One response with Content-Length; "" where the connection ended first.
  std::string receive();
  /// What came up to the end of a head.
  std::string head_of_response();
  /// True once the peer has closed; false where it stays open.
  bool closed_by_peer();
  /// Ends the connection with a RST.
  void reset();

 private:
  bool read_some();

  int socket_;
  bool connected_ = false;
  bool timed_out_ = false;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string pending_;
};

}  // namespace sluice::http
