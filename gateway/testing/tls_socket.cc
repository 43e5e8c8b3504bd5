#include "gateway/testing/tls_socket.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>

namespace sluice::gateway::testing {

struct TlsClientSocket::Session {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = SSL_new(context);
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());

  Session() {
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
  }
  ~Session() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  std::string encrypt(std::string_view plain) const {
    if (!plain.empty()) SSL_write(ssl, plain.data(), static_cast<int>(plain.size()));
    std::string wire(BIO_ctrl_pending(out), '\0');
    if (!wire.empty()) BIO_read(out, wire.data(), static_cast<int>(wire.size()));
    return wire;
  }
  std::string decrypt(std::string_view wire) const {
    if (!wire.empty()) BIO_write(in, wire.data(), static_cast<int>(wire.size()));
    std::string plain;
    std::array<char, 16'384> buffer;
    for (int count = 0; (count = SSL_read(ssl, buffer.data(), buffer.size())) > 0;) {
      plain.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return plain;
  }
};

TlsClientSocket::TlsClientSocket(std::uint16_t port, int receive_buffer_bytes)
    : ClientSocket(port, receive_buffer_bytes), session_(std::make_unique<Session>()) {
  while (SSL_do_handshake(session_->ssl) != 1 && !at_end()) {
    ClientSocket::send(session_->encrypt({}));
    if (!wait_readable()) break;
    const std::string wire = ClientSocket::read_some();
    BIO_write(session_->in, wire.data(), static_cast<int>(wire.size()));
  }
  ClientSocket::send(session_->encrypt({}));
}

TlsClientSocket::~TlsClientSocket() = default;

bool TlsClientSocket::send(std::string_view bytes) {
  unsent_ += session_->encrypt(bytes);
  const bool sent = ClientSocket::send(unsent_);
  unsent_.clear();
  return sent;
}

std::size_t TlsClientSocket::send_now(std::string_view bytes) {
  constexpr std::size_t kRecordBytes = 16'384;
  std::size_t taken = 0;
  if (unsent_.empty()) {
    taken = std::min(bytes.size(), kRecordBytes);
    unsent_ = session_->encrypt(bytes.substr(0, taken));
  }
  unsent_.erase(0, ClientSocket::send_now(unsent_));
  return taken;
}

std::string TlsClientSocket::read_some() {
  return session_->decrypt(ClientSocket::read_some());
}

std::string TlsClientSocket::read_waiting() {
  std::string plain = session_->decrypt({});
  while (plain.empty() && !at_end() && wait_readable()) plain = read_some();
  return plain;
}

}  // namespace sluice::gateway::testing
