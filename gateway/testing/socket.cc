#include "gateway/testing/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice::gateway::testing {

bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

ClientSocket::ClientSocket(std::uint16_t port, int receive_buffer_bytes)
    : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer_bytes > 0) {
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    std::perror("connect");
    std::abort();
  }
  fcntl(descriptor_, F_SETFL, fcntl(descriptor_, F_GETFL) | O_NONBLOCK);
}

ClientSocket::~ClientSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool ClientSocket::wait(short events) const {
  pollfd waited{.fd = descriptor_, .events = events, .revents = 0};
  return ::poll(&waited, 1, static_cast<int>(kPatience.count())) > 0;
}

bool ClientSocket::wait_readable() const {
  return wait(POLLIN);
}

bool ClientSocket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!wait(POLLOUT)) return false;
    const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::size_t ClientSocket::send_now(std::string_view bytes) {
  const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

std::string ClientSocket::read_some() {
  std::array<char, 65'536> buffer;
  const ssize_t count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
  if (count == 0 || (count < 0 && errno != EAGAIN)) at_end_ = true;
  return count > 0 ? std::string(buffer.data(), static_cast<std::size_t>(count)) : std::string();
}

std::string ClientSocket::read_waiting() {
  if (!at_end_) static_cast<void>(wait_readable());
  return read_some();
}

std::string ClientSocket::read_to_end() {
  std::string all;
  while (true) {
    const std::string piece = read_waiting();
    if (piece.empty()) return all;
    all += piece;
  }
}

void ClientSocket::end() {
  ::shutdown(descriptor_, SHUT_WR);
}

void ClientSocket::reset() {
  const linger abort_now{.l_onoff = 1, .l_linger = 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
  ::close(descriptor_);
  descriptor_ = -1;
}

std::uint16_t ClientSocket::local_port() const {
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

}  // namespace sluice::gateway::testing
