// The server's TLS settings, in OpenSSL's terms.
#pragma once

#include <openssl/types.h>

#include <string>
#include <vector>

#include "common/base/result.h"

namespace sluice::http {

/// A context for handshakes: TLS >= 1.2, HTTP/1.1 by ALPN, no resumption (a resumed session carries no client chain).
/// With `ask_client_certificate` a client may send one, and any chain passes that is not too long (server.h): TLS
/// proves that the peer holds the leaf's key, and whoever reads the chain decides whom to trust. The caller owns the
/// answer (SSL_CTX_free). Errors: kInvalid (certificate or key unusable).
Result<SSL_CTX*> make_server_context(const std::string& cert_pem, const std::string& key_pem,
                                     bool ask_client_certificate);

/// The peer's chain after a handshake on the server's side: DER, leaf first; empty where it sent none.
std::vector<std::string> peer_chain_der(SSL* ssl);

}  // namespace sluice::http
