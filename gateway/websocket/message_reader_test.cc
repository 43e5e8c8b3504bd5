#include "gateway/websocket/message_reader.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/base/random.h"
#include "gateway/testing/client_frames.h"

namespace sluice::gateway {
namespace {

using testing::client_close;
using testing::client_frame;

constexpr std::size_t kLimit = 1000;

/// Feeds `bytes` in pieces; each event as a line, "text:hello" or "error:1002".
std::string events_of(std::string bytes, std::size_t piece) {
  MessageReader reader;
  std::string lines;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::string part = bytes.substr(at, piece);  // A buffer of its own: nothing may be kept from an earlier one.
    std::span<char> input(part);
    while (true) {
      const ReaderEvent event = reader.next(input, kLimit);
      if (event.kind == ReaderEvent::Kind::kNone) break;
      const std::string payload(event.payload);
      switch (event.kind) {
        case ReaderEvent::Kind::kText:
          lines += "text:" + payload + '\n';
          break;
        case ReaderEvent::Kind::kBinary:
          lines += "binary:" + payload + '\n';
          break;
        case ReaderEvent::Kind::kPing:
          lines += "ping:" + payload + '\n';
          break;
        case ReaderEvent::Kind::kPong:
          lines += "pong:" + payload + '\n';
          break;
        case ReaderEvent::Kind::kClose:
          return lines + "close:" + std::to_string(event.code) + ':' + payload + '\n';
        default:
          return lines + "error:" + std::to_string(event.code) + '\n';
      }
    }
    CHECK(input.empty());
  }
  reader.release();
  CHECK((reader.held_bytes() > 0) == reader.mid_message());
  return lines + (reader.mid_message() ? "waiting\n" : "");
}

std::string part(std::uint8_t opcode, std::string_view payload, bool fin) {
  return client_frame(opcode, payload, {.fin = fin});
}

TEST_CASE("messages come out whole, however their bytes come in") {
  struct Row {
    const char* name;
    std::string bytes;
    const char* events;
  };
  const std::string euro = "\xE2\x82\xAC";
  const Row rows[] = {
      {"a text", client_frame(0x1, "hello"), "text:hello\n"},
      {"an empty text", client_frame(0x1, ""), "text:\n"},
      {"two in a row", client_frame(0x1, "a") + client_frame(0x2, "b"), "text:a\nbinary:b\n"},
      {"fragments", part(0x1, "a", false) + part(0x0, "b", false) + part(0x0, "c", true), "text:abc\n"},
      {"empty fragments", part(0x2, "", false) + part(0x0, "", false) + part(0x0, "", true), "binary:\n"},
      {"a ping between fragments", part(0x1, "a", false) + client_frame(0x9, "p") + part(0x0, "b", true),
       "ping:p\ntext:ab\n"},
      {"a pong between fragments", part(0x1, "a", false) + client_frame(0xA, "p") + part(0x0, "b", true),
       "pong:p\ntext:ab\n"},
      {"a close between fragments", part(0x1, "a", false) + client_close(1000), "close:1000:\n"},
      {"a character split between fragments", part(0x1, euro.substr(0, 1), false) + part(0x0, euro.substr(1), true),
       "text:\xE2\x82\xAC\n"},
      {"a full ping", client_frame(0x9, std::string(125, 'x')), nullptr},
      {"a close with a reason", client_close(1001, "bye"), "close:1001:bye\n"},
      {"a close without a code", client_frame(0x8, ""), "close:1005:\n"},
      {"an unfinished frame", client_frame(0x1, "hello").substr(0, 8), "waiting\n"},
      {"an unfinished message", part(0x1, "hello", false), "waiting\n"},
      {"a continuation without a beginning", part(0x0, "a", true), "error:1002\n"},
      {"a new message inside another", part(0x1, "a", false) + client_frame(0x1, "b"), "error:1002\n"},
      {"a message after a whole one is no continuation", client_frame(0x1, "a") + part(0x0, "b", true),
       "text:a\nerror:1002\n"},
      {"bad text", client_frame(0x1, "a\xFF"), "error:1007\n"},
      {"bad text in a fragment", part(0x1, "a\xFF", false), "error:1007\n"},
      {"half a character at the end", part(0x1, "a", false) + part(0x0, "\xE2\x82", true), "error:1007\n"},
      {"binary may hold anything", client_frame(0x2, "a\xFF"), "binary:a\xFF\n"},
      {"a close with half a code", client_frame(0x8, "x"), "error:1002\n"},
      {"a close with a reserved code", client_close(1005), "error:1002\n"},
      {"a close with a bad reason", client_close(1000, "\xFF"), "error:1007\n"},
      {"a message at the limit", client_frame(0x2, std::string(kLimit, 'x')), nullptr},
      {"a message above the limit", client_frame(0x2, std::string(kLimit + 1, 'x')), "error:1009\n"},
      {"fragments above the limit", part(0x2, std::string(kLimit, 'x'), false) + part(0x0, "y", true), "error:1009\n"},
      {"a huge length is refused before its bytes come",
       std::string("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
                   "abcd",
                   14),
       "error:1009\n"},
      {"a reserved bit", client_frame(0x1, "a", {.reserved = 4}), "error:1002\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::string whole = events_of(row.bytes, row.bytes.size());
    if (row.events != nullptr) CHECK(whole == row.events);
    for (const std::size_t piece : {1, 2, 3, 5, 7, 13, 100}) CHECK(events_of(row.bytes, piece) == whole);
  }
}

TEST_CASE("random frames give the same events in any pieces") {
  Random random(42);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    for (std::uint64_t i = 1 + random.below(6); i > 0; --i) {
      constexpr std::uint8_t kOpcodes[] = {0x0, 0x0, 0x1, 0x2, 0x9, 0xA, 0x8, 0x3};
      bytes +=
          client_frame(kOpcodes[random.below(8)], std::string(random.below(150), 'a'), {.fin = random.below(3) > 0});
    }
    const std::string whole = events_of(bytes, bytes.size());
    for (const std::size_t piece : {1, 2, 9, 64}) CHECK(events_of(bytes, piece) == whole);
  }
}

TEST_CASE("a whole frame is handed out where it stands, without a copy") {
  std::string bytes = client_frame(0x2, "payload");
  std::span<char> input(bytes);
  MessageReader reader;
  const ReaderEvent event = reader.next(input, kLimit);
  CHECK(event.payload.data() == bytes.data() + bytes.size() - 7);
  CHECK(reader.held_bytes() == 0);
}

}  // namespace
}  // namespace sluice::gateway
