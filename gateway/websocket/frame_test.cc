#include "gateway/websocket/frame.h"

#include <doctest/doctest.h>

#include <string>

#include "common/base/random.h"
#include "gateway/testing/client_frames.h"

namespace sluice::gateway {
namespace {

using testing::client_frame;

TEST_CASE("frame headers are read, or refused with a sentence") {
  struct Row {
    const char* name;
    std::string bytes;
    HeaderParse parse;
    std::uint64_t length;
  };
  std::string huge = client_frame(0x2, "", {.length_bytes = 8});
  huge.replace(2, 8, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
  std::string large = client_frame(0x2, "", {.length_bytes = 8});
  large.replace(2, 8, std::string("\0\0\0\1\0\0\0\0", 8));
  const Row rows[] = {
      {"a short text", client_frame(0x1, "hello"), HeaderParse::kComplete, 5},
      {"an empty ping", client_frame(0x9, ""), HeaderParse::kComplete, 0},
      {"125 bytes fit the short form", client_frame(0x2, std::string(125, 'x')), HeaderParse::kComplete, 125},
      {"126 bytes need two more", client_frame(0x2, std::string(126, 'x')), HeaderParse::kComplete, 126},
      {"65535 bytes fit two", client_frame(0x2, std::string(65'535, 'x')), HeaderParse::kComplete, 65'535},
      {"65536 bytes need eight", client_frame(0x2, std::string(65'536, 'x')), HeaderParse::kComplete, 65'536},
      {"a length of 2^32", large, HeaderParse::kComplete, std::uint64_t{1} << 32},
      {"a length's highest bit", huge, HeaderParse::kError, 0},
      {"a short length in two bytes", client_frame(0x2, "abc", {.length_bytes = 2}), HeaderParse::kError, 0},
      {"a short length in eight bytes", client_frame(0x2, std::string(300, 'x'), {.length_bytes = 8}),
       HeaderParse::kError, 0},
      {"no mask", client_frame(0x1, "hello", {.masked = false}), HeaderParse::kError, 0},
      {"RSV1", client_frame(0x1, "hello", {.reserved = 4}), HeaderParse::kError, 0},
      {"RSV2", client_frame(0x1, "hello", {.reserved = 2}), HeaderParse::kError, 0},
      {"RSV3", client_frame(0x1, "hello", {.reserved = 1}), HeaderParse::kError, 0},
      {"opcode 3", client_frame(0x3, ""), HeaderParse::kError, 0},
      {"opcode 7", client_frame(0x7, ""), HeaderParse::kError, 0},
      {"opcode 11", client_frame(0xB, ""), HeaderParse::kError, 0},
      {"opcode 15", client_frame(0xF, ""), HeaderParse::kError, 0},
      {"a fragmented ping", client_frame(0x9, "", {.fin = false}), HeaderParse::kError, 0},
      {"a long ping", client_frame(0x9, std::string(126, 'x')), HeaderParse::kError, 0},
      {"nothing", "", HeaderParse::kNeedMore, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    FrameHeader header;
    std::size_t header_bytes = 0;
    const char* error = "";
    const HeaderParse parse = parse_frame_header(row.bytes, header, header_bytes, error);
    CHECK(parse == row.parse);
    CHECK((parse == HeaderParse::kError) == (std::string(error) != ""));
    if (parse != HeaderParse::kComplete) continue;
    CHECK(header.length == row.length);
    // Anything shorter than the header needs more.
    for (std::size_t size = 0; size < header_bytes; ++size) {
      CHECK(parse_frame_header(row.bytes.substr(0, size), header, header_bytes, error) == HeaderParse::kNeedMore);
    }
  }
}

TEST_CASE("close codes that may be on the wire") {
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    CAPTURE(code);
    CHECK(is_valid_close_code(static_cast<std::uint16_t>(code)));
  }
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65'535}) {
    CAPTURE(code);
    CHECK(!is_valid_close_code(static_cast<std::uint16_t>(code)));
  }
}

TEST_CASE("masking undoes itself, in pieces too") {
  Random random(3);
  for (int round = 0; round < 500; ++round) {
    std::string text(random.below(100), '\0');
    for (char& c : text) c = static_cast<char>(random.below(256));
    const std::array<char, 4> mask = {'\x01', '\x7F', '\xFF', static_cast<char>(random.below(256))};
    std::string masked = text;
    for (std::size_t i = 0; i < masked.size(); ++i) masked[i] = static_cast<char>(masked[i] ^ mask[i % 4]);
    for (std::size_t at = 0; at < masked.size();) {
      const std::size_t count = std::min<std::size_t>(1 + random.below(20), masked.size() - at);
      apply_mask({masked.data() + at, count}, mask, at);
      at += count;
    }
    CHECK(masked == text);
  }
}

TEST_CASE("server frames have the shortest length and no mask") {
  CHECK(make_frame(Opcode::kText, "hi").view() == "\x81\x02hi");
  CHECK(make_frame(Opcode::kPong, "").view() == std::string_view("\x8A\x00", 2));
  CHECK(make_frame(Opcode::kBinary, std::string(126, 'x')).view().substr(0, 4) ==
        std::string_view("\x82\x7E\x00\x7E", 4));
  CHECK(make_frame(Opcode::kBinary, std::string(65'536, 'x')).view().substr(0, 10) ==
        std::string_view("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10));
}

TEST_CASE("a close frame holds its code and as much of the reason as fits, in whole characters") {
  CHECK(make_close_frame(1002, "why").view() == std::string_view("\x88\x05\x03\xEA"
                                                                 "why",
                                                                 7));
  CHECK(make_close_frame(kCloseNoStatus, "ignored").view() == std::string_view("\x88\x00", 2));
  std::string reason;
  for (int i = 0; i < 50; ++i) reason += "\xE2\x82\xAC";
  const BlockRef frame = make_close_frame(1001, reason);
  CHECK(frame.size() == 2 + 2 + 123);  // 41 characters of three bytes.
  CHECK(make_close_frame(1001, "a" + reason).size() == 2 + 2 + 121);
}

}  // namespace
}  // namespace sluice::gateway
