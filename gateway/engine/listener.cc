#include "gateway/engine/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace sluice::gateway {
namespace {

void set_option(int descriptor, int level, int name, int value) {
  // The options set here make things faster or tidier; none is needed for being right.
  static_cast<void>(setsockopt(descriptor, level, name, &value, sizeof(value)));
}

}  // namespace

Error listen_error(const SocketAddress& address, const char* step) {
  return {ErrorCode::kUnavailable, std::string(step) + " " + address.text() + ": " + std::strerror(errno)};
}

Result<int> open_listener(const SocketAddress& address, const ListenOptions& options) {
  const int descriptor = ::socket(address.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return listen_error(address, "socket for");
  set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (options.share_port) set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  if (address.v6) set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  // Linux lets accepted sockets inherit both.
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytesMax);
  sockaddr_storage storage{};
  const socklen_t length = address.fill(storage);
  if (::bind(descriptor, reinterpret_cast<sockaddr*>(&storage), length) != 0 ||
      ::listen(descriptor, options.backlog) != 0) {
    Error error = listen_error(address, "listen on");
    ::close(descriptor);
    return error;
  }
  return descriptor;
}

}  // namespace sluice::gateway
