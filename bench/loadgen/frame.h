// WebSocket framing from the client's side (RFC 6455, section 5), written apart from the gateway's on purpose: a fault
// in the one cannot hide behind the same fault in the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::loadgen {

enum class Opcode : std::uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

/// Appends one masked frame. `mask` are the four masking bytes, most significant first (section 5.3); a control frame's
/// payload is at most 125 bytes.
void append_frame(std::string& out, Opcode opcode, bool fin, std::string_view payload, std::uint32_t mask);
/// The payload of a Close frame.
std::string close_payload(std::uint16_t code, std::string_view reason);

/// One whole message or control frame from the server. Continuations are joined.
struct Incoming {
  Opcode opcode = Opcode::kText;  ///< kText, kBinary, kPing, kPong or kClose.
  std::string payload;            ///< For kClose the reason alone.
  std::uint16_t close_code = 0;   ///< For kClose; 1005 where the frame names none (section 7.1.5).
};

/// Cuts a server's byte stream into messages and checks every rule of section 5 that a receiver can check. UTF-8 is not
/// checked: the load generator compares each echo with the bytes that it sent. Threads: one.
class FrameReader {
 public:
  explicit FrameReader(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  enum class Next {
    kMessage,   ///< `out` holds one.
    kNeedMore,  ///< Append more bytes first.
    kBroken,    ///< The server broke a rule; fault() says which. Final.
  };
  /// Bytes as they came. What the reader keeps is bounded by one message plus the size of one append.
  void append(std::string_view bytes) { buffer_.append(bytes); }
  Next next(Incoming& out);
  /// The rule that was broken, as a label for the statistics: "masked frame".
  [[nodiscard]] const char* fault() const { return fault_; }

 private:
  struct Header {
    bool fin = false;
    Opcode opcode = Opcode::kText;
    std::size_t size = 0;      ///< Of the header itself.
    std::uint64_t length = 0;  ///< Of the payload.
  };
  /// Reads the header at the start of `bytes`; kMessage stands for "whole".
  Next read_header(std::string_view bytes, Header& header);
  Next broken(const char* fault);
  Next take_close(std::string_view payload, Incoming& out);
  /// Joins a data frame to the message it belongs to; kMessage once that is whole.
  Next take_data(const Header& header, std::string_view payload, Incoming& out);
  void drop_consumed();

  std::size_t message_bytes_max_;
  std::string buffer_;
  std::size_t consumed_ = 0;
  std::string partial_;      // The frames so far of a fragmented message.
  bool in_message_ = false;  // Whether a fragmented message is open.
  Opcode message_opcode_ = Opcode::kText;
  const char* fault_ = nullptr;
};

}  // namespace sluice::loadgen
