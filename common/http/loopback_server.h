// For tests: a server on 127.0.0.1 that does exactly what a test says, byte by byte, so that the client meets every
// kind of peer. Each connection runs the script on a thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace sluice::http {

/// A certificate made for a test, PEM.
struct TestIdentity {
  std::string cert_pem;
  std::string key_pem;
};
/// A self-signed certificate for `common_name` that is its own root. `names` is a subjectAltName as OpenSSL reads it:
/// "IP:127.0.0.1" or "DNS:api.test".
TestIdentity make_test_identity(const std::string& common_name, const std::string& names);

/// One connection, seen from the server.
class LoopbackConnection {
 public:
  virtual ~LoopbackConnection() = default;
  /// The next request, head and body as they came; empty once the peer has closed.
  virtual std::string read_request() = 0;
  virtual void send(std::string_view bytes) = 0;
  /// Waits until the peer closes.
  virtual void wait_closed() = 0;
  /// The common name in the client's certificate; empty where it sent none.
  [[nodiscard]] virtual std::string client_name() const = 0;
};

class LoopbackServer {
 public:
  using Script = std::function<void(LoopbackConnection&)>;
  /// Plain HTTP, or TLS as `identity`, asking for a client certificate and accepting any.
  explicit LoopbackServer(Script script, const TestIdentity* identity = nullptr);
  /// Shuts every connection and waits for their threads.
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  [[nodiscard]] std::string url(std::string_view path = "/") const;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_; }
  /// Waits until every connection that was accepted has ended; false where one has not by then.
  bool wait_all_closed(std::chrono::milliseconds at_most);

 private:
  void accept_loop();

  Script script_;
  std::shared_ptr<void> tls_context_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::mutex mutex_;
  std::condition_variable closed_;
  bool stopping_ = false;
  std::vector<int> sockets_;  // open ones; -1 where the connection has ended
  std::vector<std::thread> threads_;
  std::thread accepter_;
};

/// "200 OK" with `body`.
std::string ok_response(std::string_view body);
/// A script that answers each request of a connection with `response`.
LoopbackServer::Script answer_always(std::string response);
/// A script that sends `bytes` for the first request and closes.
LoopbackServer::Script answer_once(std::string bytes);
/// A script that sends `bytes` for the first request and then waits until the client closes.
LoopbackServer::Script answer_and_hold(std::string bytes);

}  // namespace sluice::http
