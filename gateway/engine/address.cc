#include "gateway/engine/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace sluice::gateway {

Result<SocketAddress> SocketAddress::parse(std::string_view ip, std::uint16_t port) {
  SocketAddress address;
  address.port = port;
  const std::string text(ip);
  if (inet_pton(AF_INET, text.c_str(), address.ip.data()) == 1) return address;
  if (inet_pton(AF_INET6, text.c_str(), address.ip.data()) == 1) {
    address.v6 = true;
    return address;
  }
  return Error{ErrorCode::kInvalid, "\"" + text + "\" is not an IPv4 or IPv6 address"};
}

SocketAddress SocketAddress::from(const sockaddr_storage& storage) {
  SocketAddress address;
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &storage, sizeof(in));
    std::memcpy(address.ip.data(), &in.sin6_addr, 16);
    address.port = ntohs(in.sin6_port);
    address.v6 = true;
    return address;
  }
  sockaddr_in in{};
  std::memcpy(&in, &storage, sizeof(in));
  std::memcpy(address.ip.data(), &in.sin_addr, 4);
  address.port = ntohs(in.sin_port);
  return address;
}

unsigned SocketAddress::fill(sockaddr_storage& storage) const {
  storage = {};
  if (v6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, ip.data(), 16);
    std::memcpy(&storage, &in, sizeof(in));
    return sizeof(in);
  }
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  std::memcpy(&in.sin_addr, ip.data(), 4);
  std::memcpy(&storage, &in, sizeof(in));
  return sizeof(in);
}

std::string SocketAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(v6 ? AF_INET6 : AF_INET, ip.data(), buffer, sizeof(buffer));
  return v6 ? "[" + std::string(buffer) + "]:" + std::to_string(port)
            : std::string(buffer) + ":" + std::to_string(port);
}

}  // namespace sluice::gateway
