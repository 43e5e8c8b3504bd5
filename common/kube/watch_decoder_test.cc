#include "common/kube/watch_decoder.h"

#include <doctest/doctest.h>

#include <vector>

namespace sluice::kube {
namespace {

struct Decoded {
  std::vector<std::string> events;  // "ADDED a": type and name
  bool ok = true;
  bool at_event_start = true;
};

Decoded decode(const std::vector<std::string_view>& pieces) {
  static const char* const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"};
  WatchDecoder decoder;
  Decoded out;
  for (const std::string_view piece : pieces) {
    const Status status = decoder.feed(piece, [&](const WatchEvent& event) {
      out.events.push_back(std::string(names[static_cast<int>(event.type)]) + " " + std::string(name_of(event.object)));
    });
    if (!status) {
      CHECK(status.error().code == ErrorCode::kUnavailable);
      out.ok = false;
      break;
    }
  }
  out.at_event_start = decoder.at_event_start();
  return out;
}

const std::string kA = R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})";
const std::string kB = R"({"type":"DELETED","object":{"metadata":{"name":"b"}}})";

}  // namespace

TEST_CASE("events are decoded wherever the pieces are cut") {
  const std::string stream = kA + "\n" + kB + "\r\n\n" + kA + "\n";
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    CAPTURE(cut);
    const std::string_view view = stream;
    const Decoded out = decode({view.substr(0, cut), view.substr(cut)});
    CHECK(out.ok);
    CHECK(out.at_event_start);
    CHECK(out.events == std::vector<std::string>{"ADDED a", "DELETED b", "ADDED a"});
  }
}

TEST_CASE("events are decoded byte by byte") {
  const std::string stream = kA + "\n" + kB + "\n";
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < stream.size(); ++i) bytes.push_back(std::string_view(stream).substr(i, 1));
  CHECK(decode(bytes).events.size() == 2);
}

TEST_CASE("what is no event ends the decoding after the events before it") {
  struct Row {
    std::string name;
    std::string line;
  };
  const Row rows[] = {{"not JSON", "<html>"},
                      {"no object", R"("ADDED")"},
                      {"no type", R"({"object":{}})"},
                      {"an unknown type", R"({"type":"RENAMED","object":{}})"},
                      {"no object inside", R"({"type":"ADDED"})"},
                      {"a list inside", R"({"type":"ADDED","object":[]})"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    std::string stream = kA + "\n";
    stream.append(row.line).append("\n").append(kB).append("\n");
    const Decoded out = decode({stream});
    CHECK(!out.ok);
    CHECK(out.events == std::vector<std::string>{"ADDED a"});
  }
}

TEST_CASE("a stream that ends inside a line is known by it") {
  CHECK(!decode({kA}).at_event_start);
  CHECK(decode({kA}).events.empty());
}

TEST_CASE("a line without end is bounded") {
  const std::string megabyte(1u << 20, 'x');
  const std::vector<std::string_view> pieces(17, megabyte);
  CHECK(!decode(pieces).ok);
}

}  // namespace sluice::kube
