// An IP address with a port, as a value. Keeps <sys/socket.h> out of the headers that only carry addresses around.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

struct sockaddr_storage;

namespace sluice::gateway {

/// An IPv4 (first four bytes of `ip`) or IPv6 address, bytes in network order, port in host order.
struct SocketAddress {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;
  bool v6 = false;

  /// `ip` in numbers, "0.0.0.0" or "::". Errors: kInvalid (a name, or no address at all).
  static Result<SocketAddress> parse(std::string_view ip, std::uint16_t port);
  static SocketAddress from(const sockaddr_storage& storage);
  /// Fills `storage`; answers the length that bind() and connect() want.
  [[nodiscard]] unsigned fill(sockaddr_storage& storage) const;
  /// "10.0.0.7:8080" or "[::1]:8080".
  [[nodiscard]] std::string text() const;
};

}  // namespace sluice::gateway
