#include "gateway/testing/client_frames.h"

namespace sluice::gateway::testing {

std::string client_frame(std::uint8_t opcode, std::string_view payload, const FrameOptions& options) {
  std::string frame;
  frame += static_cast<char>((options.fin ? 0x80 : 0) | options.reserved << 4 | opcode);
  int length_bytes = options.length_bytes;
  if (length_bytes < 0) length_bytes = payload.size() < 126 ? 0 : payload.size() < 65'536 ? 2 : 8;
  const auto first = static_cast<std::uint8_t>(length_bytes == 0 ? payload.size() : length_bytes == 2 ? 126 : 127);
  frame += static_cast<char>((options.masked ? 0x80 : 0) | first);
  for (int i = length_bytes - 1; i >= 0; --i) frame += static_cast<char>(payload.size() >> (8 * i) & 0xFF);
  if (!options.masked) return frame.append(payload);
  frame.append(options.mask.data(), options.mask.size());
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ options.mask[i % 4]);
  return frame;
}

std::string client_close(std::uint16_t code, std::string_view reason) {
  std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  payload += reason;
  return client_frame(0x8, payload);
}

}  // namespace sluice::gateway::testing
