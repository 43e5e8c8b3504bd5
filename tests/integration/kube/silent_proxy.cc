#include "tests/integration/kube/silent_proxy.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace sluice::kube {
namespace {

/// A connection to the API server; -1 where there is none.
int connect_to(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return -1;
  const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = ::connect(socket, found->ai_addr, found->ai_addrlen) == 0;
  ::freeaddrinfo(found);
  if (connected) return socket;
  ::close(socket);
  return -1;
}

bool send_all(int socket, const char* data, ssize_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= sent;
  }
  return true;
}

}  // namespace

/// Both ends of a connection, and the thread between them.
struct SilentProxy::Connection {
  int client;
  int server;
  std::atomic<bool> silent{false};
  std::thread thread;

  Connection(int c, int s) : client(c), server(s), thread([this] { pass_on(); }) {}
  ~Connection() {
    ::shutdown(client, SHUT_RDWR);
    ::shutdown(server, SHUT_RDWR);
    thread.join();
    ::close(client);
    ::close(server);
  }

  void pass_on() {
    std::array<pollfd, 2> ends{{{client, POLLIN, 0}, {server, POLLIN, 0}}};
    std::array<char, 16'384> bytes;
    while (::poll(ends.data(), ends.size(), -1) > 0) {
      for (std::size_t i = 0; i < 2; ++i) {
        if (ends[i].revents == 0) continue;
        const ssize_t got = ::recv(ends[i].fd, bytes.data(), bytes.size(), 0);
        if (got <= 0 || (!silent && !send_all(ends[1 - i].fd, bytes.data(), got))) return close_both();
      }
    }
  }
  void close_both() const {
    ::shutdown(client, SHUT_RDWR);
    ::shutdown(server, SHUT_RDWR);
  }
};

SilentProxy::SilentProxy(const Config& config) : config_(config) {
  std::string authority = config.server.substr(config.server.find("://") + 3);
  authority = authority.substr(0, authority.find('/'));
  const auto colon = authority.rfind(':');
  host_ = authority.substr(0, colon);
  port_ = authority.substr(colon + 1);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();  // a machine without loopback has no cluster either
  }
  if (config_.tls.server_name.empty()) config_.tls.server_name = host_;
  config_.server = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  accepter_ = std::thread([this] { accept_all(); });
}

SilentProxy::~SilentProxy() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ::shutdown(listener_, SHUT_RDWR);
  accepter_.join();
  ::close(listener_);
}

Config SilentProxy::config() const {
  return config_;
}

void SilentProxy::go_silent() {
  const std::lock_guard lock(mutex_);
  for (const auto& connection : connections_) connection->silent = true;
}

void SilentProxy::accept_all() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = connect_to(host_, port_);
    const std::lock_guard lock(mutex_);
    if (server < 0 || stopping_) {
      ::close(client);
      if (server >= 0) ::close(server);
      continue;
    }
    connections_.push_back(std::make_unique<Connection>(client, server));
    ++accepted_;
  }
}

}  // namespace sluice::kube
