// TLS through OpenSSL with a BIO of our own: bytes in, bytes out, no socket, and no buffer that outlives a call
// (OpenSSL's memory BIOs keep the size they once had). TLS 1.2 and 1.3, ALPN http/1.1. The plain way: a connection
// costs what an OpenSSL session costs; a record layer of our own can replace it behind Transport.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "gateway/tls/transport.h"

namespace sluice::gateway {

/// A certificate with its key, shared by all shards. Threads: any.
class OpensslTransportFactory final : public TransportFactory {
 public:
  /// PEM files; the certificate's may hold a chain. Errors: kInvalid with the file and the reason.
  static Result<std::unique_ptr<OpensslTransportFactory>> load(const std::string& cert_file,
                                                               const std::string& key_file);
  ~OpensslTransportFactory() override;

  [[nodiscard]] std::unique_ptr<Transport> make() override;
  /// Reads the files again where one has changed; connections that exist keep what they have. A pair that does not fit
  /// is logged and left out: the old one goes on.
  void reload_if_changed();

 private:
  struct Impl;
  explicit OpensslTransportFactory(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::gateway
