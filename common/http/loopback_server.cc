#include "common/http/loopback_server.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <csignal>
#include <cstdlib>

namespace sluice::http {
namespace {

template <typename Write>
std::string pem_text(Write write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  assert(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

SSL_CTX* make_context(const TestIdentity& identity) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  BIO* cert_bio = BIO_new_mem_buf(identity.cert_pem.data(), static_cast<int>(identity.cert_pem.size()));
  BIO* key_bio = BIO_new_mem_buf(identity.key_pem.data(), static_cast<int>(identity.key_pem.size()));
  X509* cert = PEM_read_bio_X509(cert_bio, nullptr, nullptr, nullptr);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
  SSL_CTX_use_certificate(context, cert);
  SSL_CTX_use_PrivateKey(context, key);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  X509_free(cert);
  EVP_PKEY_free(key);
  BIO_free(cert_bio);
  BIO_free(key_bio);
  return context;
}

/// What comes before the blank line and how long the body behind it is.
std::size_t content_length(const std::string& head) {
  for (const char* name : {"Content-Length:", "content-length:"}) {
    if (const auto at = head.find(name); at != std::string::npos) {
      return std::strtoul(head.c_str() + at + std::string_view(name).size(), nullptr, 10);
    }
  }
  return 0;
}

class Connection final : public LoopbackConnection {
 public:
  Connection(int socket, SSL_CTX* context) : socket_(socket) {
    if (context == nullptr) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, socket_);
    if (SSL_accept(ssl_) != 1) broken_ = true;
  }
  ~Connection() override {
    if (ssl_ != nullptr && !broken_) SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }

  [[nodiscard]] bool usable() const { return !broken_; }

  std::string read_request() override {
    std::size_t head_end = std::string::npos;
    while ((head_end = unread_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return {};
    }
    const std::size_t size = head_end + 4 + content_length(unread_.substr(0, head_end + 2));
    while (unread_.size() < size) {
      if (!read_more()) return {};
    }
    std::string request = unread_.substr(0, size);
    unread_.erase(0, size);
    return request;
  }

  void send(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto n = ssl_ == nullptr ? ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                                     : SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  void wait_closed() override {
    while (read_more()) {
    }
  }

  [[nodiscard]] std::string client_name() const override {
    X509* certificate = ssl_ == nullptr ? nullptr : SSL_get1_peer_certificate(ssl_);
    if (certificate == nullptr) return {};
    char name[128] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    X509_free(certificate);
    return name;
  }

 private:
  bool read_more() {
    char buffer[4096];
    const auto n = ssl_ == nullptr ? ::recv(socket_, buffer, sizeof buffer, 0) : SSL_read(ssl_, buffer, sizeof buffer);
    if (n <= 0) return false;
    unread_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }

  int socket_;
  SSL* ssl_ = nullptr;
  bool broken_ = false;
  std::string unread_;
};

}  // namespace

TestIdentity make_test_identity(const std::string& common_name, const std::string& names) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(common_name.c_str()),
                             -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, NID_subject_alt_name, names.c_str());
  X509_sign(certificate, key, EVP_sha256());
  TestIdentity identity;
  identity.cert_pem = pem_text([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
  identity.key_pem =
      pem_text([&](BIO* bio) { PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); });
  X509_free(certificate);
  EVP_PKEY_free(key);
  return identity;
}

LoopbackServer::LoopbackServer(Script script, const TestIdentity* identity) : script_(std::move(script)) {
  if (identity != nullptr) {
    tls_context_ =
        std::shared_ptr<void>(make_context(*identity), [](void* p) { SSL_CTX_free(static_cast<SSL_CTX*>(p)); });
  }
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(2)
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();  // a machine without loopback runs no tests
  }
  port_ = ntohs(address.sin_port);
  accepter_ = std::thread([this] { accept_loop(); });
}

LoopbackServer::~LoopbackServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    for (const int socket : sockets_) {
      if (socket >= 0) ::shutdown(socket, SHUT_RDWR);
    }
  }
  accepter_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string LoopbackServer::url(std::string_view path) const {
  return (tls_context_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_) + std::string(path);
}

bool LoopbackServer::wait_all_closed(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return closed_.wait_for(
      lock, at_most, [this] { return std::all_of(sockets_.begin(), sockets_.end(), [](int s) { return s < 0; }); });
}

void LoopbackServer::accept_loop() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      ::close(socket);
      return;
    }
    ++accepted_;
    const std::size_t index = sockets_.size();
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket, index] {
      {
        Connection connection(socket, static_cast<SSL_CTX*>(tls_context_.get()));
        if (connection.usable()) script_(connection);
      }
      const std::lock_guard own_lock(mutex_);
      sockets_[index] = -1;
      ::close(socket);
      closed_.notify_all();
    });
  }
}

std::string ok_response(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

LoopbackServer::Script answer_always(std::string response) {
  return [response = std::move(response)](LoopbackConnection& connection) {
    while (!connection.read_request().empty()) connection.send(response);
  };
}

LoopbackServer::Script answer_once(std::string bytes) {
  return [bytes = std::move(bytes)](LoopbackConnection& connection) {
    if (!connection.read_request().empty()) connection.send(bytes);
  };
}

LoopbackServer::Script answer_and_hold(std::string bytes) {
  return [bytes = std::move(bytes)](LoopbackConnection& connection) {
    connection.read_request();
    connection.send(bytes);
    connection.wait_closed();
  };
}

}  // namespace sluice::http
