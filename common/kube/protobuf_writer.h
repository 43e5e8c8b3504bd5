// Protobuf, field by field. Pure. Source: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::kube {

class ProtobufWriter {
 public:
  /// An integer, negative ones too, or a truth value.
  ProtobufWriter& varint(std::uint32_t number, std::uint64_t value) {
    put(std::uint64_t{number} << 3);
    put(value);
    return *this;
  }
  /// A text, bytes or a message.
  ProtobufWriter& bytes(std::uint32_t number, std::string_view value) {
    put(std::uint64_t{number} << 3 | 2);
    put(value.size());
    text_.append(value);
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void put(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>((value & 0x7f) | 0x80);
    text_ += static_cast<char>(value);
  }

  std::string text_;
};

/// An object's own bytes as they stand in a request or an answer.
inline std::string protobuf_envelope(std::string_view api_version, std::string_view kind, std::string_view object) {
  const std::string type = ProtobufWriter().bytes(1, api_version).bytes(2, kind).text();
  return std::string("k8s\0", 4) + ProtobufWriter().bytes(1, type).bytes(2, object).bytes(3, "").bytes(4, "").text();
}

/// With its length before it, as a watch sends it.
inline std::string protobuf_frame(std::string_view bytes) {
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(bytes.size() >> shift & 0xff);
  return frame.append(bytes);
}

}  // namespace sluice::kube
