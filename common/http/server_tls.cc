#include "common/http/server_tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "common/base/openssl_ptr.h"
#include "common/http/server.h"

namespace sluice::http {
namespace {

using Context = OpensslPtr<SSL_CTX, SSL_CTX_free>;
using Certificate = OpensslPtr<X509, X509_free>;
using Key = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;

// Only HTTP/1.1 is spoken. A client that offers nothing we know goes on without ALPN, as RFC 7301 section 3.2 allows.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                    unsigned int in_length, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kHttp11, sizeof kHttp11 - 1, in, in_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// Of its names and extensions: each takes twenty times its bytes.
int parts_of(X509* certificate) {
  return X509_NAME_entry_count(X509_get_subject_name(certificate)) +
         X509_NAME_entry_count(X509_get_issuer_name(certificate)) + X509_get_ext_count(certificate);
}

// Whoever signed it. Its length is bounded in bytes too, but a certificate in memory is larger than on the wire.
int accept_short_chain(X509_STORE_CTX* verified, void*) {
  STACK_OF(X509)* const chain = X509_STORE_CTX_get0_untrusted(verified);
  int parts = 0;
  for (int i = 0; i < sk_X509_num(chain); ++i) parts += parts_of(sk_X509_value(chain, i));
  return sk_X509_num(chain) <= kClientChainMax && parts <= kClientChainPartsMax ? 1 : 0;
}

bool use_chain(SSL_CTX* context, const std::string& cert_pem) {
  const Bio bio = bio_of(cert_pem);
  const Certificate leaf(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr || SSL_CTX_use_certificate(context, leaf.get()) != 1) return false;
  while (Certificate next{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1) return false;
    static_cast<void>(next.release());  // the context owns it now
  }
  return at_end_of_pem();  // with half of a chain, clients would be refused that know only its root
}

bool use_key(SSL_CTX* context, const std::string& key_pem) {
  const Key key(PEM_read_bio_PrivateKey(bio_of(key_pem).get(), nullptr, nullptr, nullptr));
  return key != nullptr && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
}

std::string der_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

}  // namespace

Result<SSL_CTX*> make_server_context(const std::string& cert_pem, const std::string& key_pem,
                                     bool ask_client_certificate) {
  Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
    return Error{ErrorCode::kInternal, "the TLS library lacks what TLS 1.2 needs"};
  }
  const bool cert_ok = use_chain(context.get(), cert_pem);
  const bool key_ok = cert_ok && use_key(context.get(), key_pem);
  ERR_clear_error();
  if (!cert_ok) return Error{ErrorCode::kInvalid, "the certificate is not usable"};
  if (!key_ok) return Error{ErrorCode::kInvalid, "the private key is not usable or does not belong to the certificate"};

  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (ask_client_certificate) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context.get(), accept_short_chain, nullptr);
    SSL_CTX_set_max_cert_list(context.get(), static_cast<long>(kClientChainBytesMax));
  }
  return context.release();
}

std::vector<std::string> peer_chain_der(SSL* ssl) {
  std::vector<std::string> out;
  X509* const leaf = SSL_get0_peer_certificate(ssl);
  if (leaf == nullptr) return out;
  out.push_back(der_of(leaf));
  // On a server OpenSSL keeps the leaf apart from the rest of the chain.
  STACK_OF(X509)* const rest = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; rest != nullptr && i < sk_X509_num(rest); ++i) out.push_back(der_of(sk_X509_value(rest, i)));
  return out;
}

}  // namespace sluice::http
