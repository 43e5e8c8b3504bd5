#include "bench/loadgen/frame.h"

#include <doctest/doctest.h>

#include <random>

namespace sluice::loadgen {
namespace {

using Next = FrameReader::Next;
constexpr std::size_t kMessageMax = 100'000;

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

// A server's frame: not masked. Written by hand here, apart from append_frame.
std::string server_frame(int first, const std::string& payload) {
  std::string out = bytes({first});
  const std::size_t size = payload.size();
  if (size < 126) {
    out += bytes({static_cast<int>(size)});
  } else if (size < 65'536) {
    out += bytes({126, static_cast<int>(size >> 8), static_cast<int>(size & 0xFF)});
  } else {
    out += bytes({127, 0, 0, 0, 0, static_cast<int>(size >> 24 & 0xFF), static_cast<int>(size >> 16 & 0xFF),
                  static_cast<int>(size >> 8 & 0xFF), static_cast<int>(size & 0xFF)});
  }
  return out + payload;
}

TEST_CASE("RFC 6455 section 5.7: a masked Hello") {
  std::string out;
  append_frame(out, Opcode::kText, true, "Hello", 0x37fa213d);
  CHECK(out == bytes({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
}

TEST_CASE("append_frame uses the shortest length") {
  struct Row {
    const char* name;
    std::size_t size;
    std::string header;
  };
  const Row rows[] = {
      {"empty", 0, bytes({0x82, 0x80})},
      {"the longest short one", 125, bytes({0x82, 0xFD})},
      {"the shortest of 16 bits", 126, bytes({0x82, 0xFE, 0, 126})},
      {"the longest of 16 bits", 65'535, bytes({0x82, 0xFE, 0xFF, 0xFF})},
      {"the shortest of 64 bits", 65'536, bytes({0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0})},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    std::string out;
    append_frame(out, Opcode::kBinary, true, std::string(row.size, 'x'), 0);
    CHECK(out.size() == row.header.size() + 4 + row.size);
    CHECK(out.substr(0, row.header.size()) == row.header);
  }
}

TEST_CASE("a reader takes messages, joins fragments, lets control frames between them") {
  FrameReader reader(kMessageMax);
  reader.append(server_frame(0x81, "one") + server_frame(0x02, "tw") + server_frame(0x89, "ping") +
                server_frame(0x00, "o-") + server_frame(0x80, "two") + server_frame(0x8A, "pong") +
                server_frame(0x88, bytes({0x03, 0xF4}) + "reconnect-after-ms=12"));
  struct Row {
    const char* payload;
    int close_code;
    Opcode opcode;
  };
  const Row rows[] = {
      {"one", 0, Opcode::kText},
      {"ping", 0, Opcode::kPing},
      {"two-two", 0, Opcode::kBinary},
      {"pong", 0, Opcode::kPong},
      {"reconnect-after-ms=12", 1012, Opcode::kClose},
  };
  for (const Row& row : rows) {
    CAPTURE(row.payload);
    Incoming got;
    REQUIRE(reader.next(got) == Next::kMessage);
    CHECK(got.opcode == row.opcode);
    CHECK(got.payload == row.payload);
    CHECK(got.close_code == row.close_code);
  }
  Incoming none;
  CHECK(reader.next(none) == Next::kNeedMore);
}

TEST_CASE("messages of every length form survive being cut anywhere") {
  std::mt19937 random(7);
  std::string stream;
  const std::size_t sizes[] = {0, 1, 125, 126, 300, 65'535, 65'536, 70'000};
  for (const std::size_t size : sizes) stream += server_frame(0x82, std::string(size, static_cast<char>(size % 251)));
  for (int round = 0; round < 50; ++round) {
    FrameReader reader(kMessageMax);
    std::size_t at = 0;
    std::size_t message = 0;
    while (at < stream.size()) {
      const std::size_t step = std::min<std::size_t>(1 + random() % (round < 5 ? 7'000 : 90'000), stream.size() - at);
      reader.append(std::string_view(stream).substr(at, step));
      at += step;
      Incoming got;
      while (reader.next(got) == Next::kMessage) {
        REQUIRE(message < std::size(sizes));
        CHECK(got.payload == std::string(sizes[message], static_cast<char>(sizes[message] % 251)));
        ++message;
      }
      REQUIRE(reader.fault() == nullptr);
    }
    CHECK(message == std::size(sizes));
  }
}

TEST_CASE("a close frame without a code is 1005") {
  FrameReader reader(kMessageMax);
  reader.append(server_frame(0x88, ""));
  Incoming got;
  REQUIRE(reader.next(got) == Next::kMessage);
  CHECK(got.close_code == 1005);
}

TEST_CASE("every broken rule is named, and a broken reader stays broken") {
  struct Row {
    const char* fault;
    std::string stream;
  };
  const Row rows[] = {
      {"reserved bits set", server_frame(0xC1, "x")},
      {"unknown opcode", server_frame(0x83, "x")},
      {"unknown opcode", server_frame(0x8B, "x")},
      {"masked frame", bytes({0x81, 0x81, 0, 0, 0, 0, 'x'})},
      {"fragmented control frame", server_frame(0x09, "x")},
      {"long control frame", server_frame(0x89, std::string(126, 'x'))},
      {"length not minimal", bytes({0x81, 126, 0, 125})},
      {"length not minimal", bytes({0x81, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF})},
      {"length not minimal", bytes({0x81, 127, 0x80, 0, 0, 0, 0, 1, 0, 0})},
      {"message too large", bytes({0x81, 127, 0, 0, 0, 0, 0, 1, 0x86, 0xA1})},
      {"message too large",
       server_frame(0x01, std::string(90'000, 'x')) + server_frame(0x80, std::string(10'001, 'x'))},
      {"continuation without a start", server_frame(0x80, "x")},
      {"new message inside a fragmented one", server_frame(0x01, "x") + server_frame(0x81, "y")},
      {"close payload of one byte", server_frame(0x88, "x")},
      {"invalid close code", server_frame(0x88, bytes({0x03, 0xED}))},
      {"invalid close code", server_frame(0x88, bytes({0x0B, 0xB7}))},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fault);
    FrameReader reader(kMessageMax);
    reader.append(row.stream);
    Incoming got;
    CHECK(reader.next(got) == Next::kBroken);
    REQUIRE(reader.fault() != nullptr);
    CHECK(std::string(reader.fault()) == row.fault);
    reader.append(server_frame(0x81, "fine"));
    CHECK(reader.next(got) == Next::kBroken);
  }
}

TEST_CASE("random bytes never read outside the buffer") {
  std::mt19937 random(11);
  for (int round = 0; round < 2'000; ++round) {
    FrameReader reader(1'000);
    std::string noise(random() % 64, '\0');
    for (char& byte : noise) byte = static_cast<char>(random() % 4 == 0 ? random() : random() % 3);
    reader.append(noise);
    Incoming got;
    int messages = 0;
    while (reader.next(got) == Next::kMessage) ++messages;
    CHECK(messages <= 32);
  }
}

}  // namespace
}  // namespace sluice::loadgen
