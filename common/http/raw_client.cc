#include "common/http/raw_client.h"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace sluice::http {
namespace {

void use_identity(SSL_CTX* context, const ClientTls& tls) {
  const std::string chain = tls.identity->cert_pem + tls.extra_chain_pem;
  BIO* bio = BIO_new_mem_buf(chain.data(), static_cast<int>(chain.size()));
  X509* leaf = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  SSL_CTX_use_certificate(context, leaf);
  X509_free(leaf);
  while (X509* next = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) SSL_CTX_add0_chain_cert(context, next);
  BIO_free(bio);
  ERR_clear_error();
  bio = BIO_new_mem_buf(tls.identity->key_pem.data(), static_cast<int>(tls.identity->key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  SSL_CTX_use_PrivateKey(context, key);
  EVP_PKEY_free(key);
  BIO_free(bio);
}

}  // namespace

RawClient::RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval at_most{20, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &at_most, sizeof at_most);
  connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
}

RawClient::~RawClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  if (socket_ >= 0) ::close(socket_);
}

bool RawClient::handshake(const ClientTls& tls) {
  context_ = SSL_CTX_new(TLS_client_method());
  if (tls.version_max != 0) {
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_, tls.version_max);
  }
  if (tls.identity != nullptr) use_identity(context_, tls);
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, socket_);
  if (!tls.alpn.empty()) {
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(tls.alpn.data()),
                        static_cast<unsigned>(tls.alpn.size()));
  }
  const bool done = SSL_connect(ssl_) == 1;
  ERR_clear_error();
  return done;
}

std::string RawClient::alpn() const {
  const unsigned char* data = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

std::string RawClient::server_name() const {
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(ssl_)), NID_commonName, name, sizeof name);
  return name;
}

bool RawClient::send(std::string_view text) {
  if (ssl_ != nullptr) return SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0;
  return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

std::string RawClient::receive() {
  for (;;) {
    const std::size_t head_end = pending_.find("\r\n\r\n");
    if (head_end != std::string::npos) {
      const std::size_t at = pending_.find("Content-Length: ");
      const std::size_t whole = head_end + 4 + std::stoul(pending_.substr(at + 16));
      if (pending_.size() >= whole) {
        std::string out = pending_.substr(0, whole);
        pending_.erase(0, whole);
        return out;
      }
    }
    if (!read_some()) return {};
  }
}

std::string RawClient::head_of_response() {
  while (pending_.find("\r\n\r\n") == std::string::npos && read_some()) {
  }
  return pending_;
}

bool RawClient::closed_by_peer() {
  while (read_some()) {
  }
  return !timed_out_;
}

void RawClient::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(socket_);
  socket_ = -1;
}

bool RawClient::read_some() {
  char buffer[16384];
  const ssize_t got =
      ssl_ != nullptr ? SSL_read(ssl_, buffer, sizeof buffer) : ::recv(socket_, buffer, sizeof buffer, 0);
  timed_out_ = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (ssl_ != nullptr) ERR_clear_error();
  if (got <= 0) return false;
  pending_.append(buffer, static_cast<std::size_t>(got));
  return true;
}

}  // namespace sluice::http
