// A client's side of WebSocket, written apart from the gateway's own code so that a fault there cannot hide behind
// itself.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::gateway::testing {

struct FrameOptions {
  bool fin = true;
  std::uint8_t reserved = 0;  ///< The three RSV bits, as a number from 0 to 7.
  bool masked = true;
  int length_bytes = -1;  ///< 0, 2 or 8 forces an encoding of the length; -1 takes the shortest.
  std::array<char, 4> mask = {'\x37', '\x1A', '\x5C', '\x81'};
};

/// A client's frame.
[[nodiscard]] std::string client_frame(std::uint8_t opcode, std::string_view payload, const FrameOptions& options = {});
[[nodiscard]] std::string client_close(std::uint16_t code, std::string_view reason = {});

}  // namespace sluice::gateway::testing
