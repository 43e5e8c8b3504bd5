#include "common/kube/protobuf.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "common/kube/fake_api.h"
#include "common/kube/protobuf_writer.h"
#include "common/kube/watch_decoder.h"

namespace sluice::kube {
namespace {

using Kind = ProtobufField::Kind;

constexpr std::array<ProtobufField, 2> kPortFields{{{1, "name", Kind::kText}, {3, "containerPort", Kind::kInteger32}}};
constexpr ProtobufMessage kPort{kPortFields};
constexpr std::array<ProtobufField, 5> kThingFields{{{1, "metadata", Kind::kMessage, &kObjectMeta},
                                                     {2, "on", Kind::kBool},
                                                     {3, "ports", Kind::kMessages, &kPort},
                                                     {4, "count", Kind::kInteger64},
                                                     {5, "at", Kind::kTime}}};
constexpr ProtobufMessage kThing{kThingFields};

std::string meta(std::string_view name) {
  return ProtobufWriter().bytes(1, name).bytes(3, "ns").bytes(6, "7").text();
}

/// A Thing of that name, wrapped as the API server wraps it.
std::string thing(std::string_view name) {
  return protobuf_envelope("v1", "Thing", ProtobufWriter().bytes(1, meta(name)).text());
}

std::string event(std::string_view type, const std::string& object) {
  return ProtobufWriter().bytes(1, type).bytes(2, ProtobufWriter().bytes(1, object).text()).text();
}

/// `fields` of a Thing, as JSON.
Json read(const std::string& fields) {
  const Result<Json> object = read_protobuf_object(protobuf_envelope("v1", "Thing", fields), kThing);
  return object ? *object : Json(object.error().message);
}

TEST_CASE("an object has the fields of its table, as JSON has them") {
  const std::string fields =
      ProtobufWriter()
          .bytes(1, ProtobufWriter()
                        .bytes(1, "a")
                        .bytes(8, ProtobufWriter().varint(1, 1'700'000'000).varint(2, 5).text())
                        .bytes(9, "")
                        .bytes(11, ProtobufWriter().bytes(1, "tier").bytes(2, "edge").text())
                        .bytes(11, ProtobufWriter().bytes(1, "empty").bytes(2, "").text())
                        .bytes(13, ProtobufWriter().bytes(4, "u-1").varint(6, 1).varint(7, 0).text())
                        .bytes(17, "managed fields, not read")
                        .text())
          .varint(2, 1)
          .bytes(3, ProtobufWriter().bytes(1, "ws").varint(3, 8080).text())
          .bytes(3, ProtobufWriter().bytes(1, "").varint(3, 9901).text())
          .varint(4, static_cast<std::uint64_t>(-3))
          .bytes(5, ProtobufWriter().varint(1, 0).text())
          .bytes(99, "unknown")
          .text();
  CHECK(read(fields) == Json{{"apiVersion", "v1"},
                             {"kind", "Thing"},
                             {"metadata",
                              {{"name", "a"},
                               {"creationTimestamp", "2023-11-14T22:13:20Z"},
                               {"labels", {{"tier", "edge"}, {"empty", ""}}},
                               {"ownerReferences", {{{"uid", "u-1"}, {"controller", true}}}}}},
                             {"on", true},
                             {"ports", {{{"name", "ws"}, {"containerPort", 8080}}, {{"containerPort", 9901}}}},
                             {"count", -3},
                             {"at", "1970-01-01T00:00:00Z"}});
}

TEST_CASE("what JSON leaves out is left out, and an empty message is not") {
  struct Row {
    std::string name;
    std::string fields;
    Json left;
  };
  const Row rows[] = {
      {"a text that is no UTF-8",
       ProtobufWriter().bytes(3, ProtobufWriter().bytes(1, "a\xff").text()).text(),
       {{"ports", {{{"name", "a\xef\xbf\xbd"}}}}}},
      {"a false", ProtobufWriter().varint(2, 0).text(), Json::object()},
      {"a 0", ProtobufWriter().varint(4, 0).text(), Json::object()},
      {"a time that is none", ProtobufWriter().bytes(5, "").text(), Json::object()},
      {"a time after the year 9999", ProtobufWriter().bytes(5, ProtobufWriter().varint(1, 1ull << 40).text()).text(),
       Json::object()},
      {"an empty message", ProtobufWriter().bytes(1, "").text(), {{"metadata", Json::object()}}},
      {"another wire type than the table's", ProtobufWriter().bytes(2, "x").varint(1, 5).text(), Json::object()},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Json expected{{"apiVersion", "v1"}, {"kind", "Thing"}};
    expected.update(row.left);
    CHECK(read(row.fields) == expected);
  }
}

TEST_CASE("a Status is read as one, whatever was asked for") {
  const std::string details =
      ProtobufWriter().bytes(4, ProtobufWriter().bytes(1, "ResourceVersionTooLarge").text()).varint(5, 3).text();
  const std::string status = protobuf_envelope(
      "v1", "Status", ProtobufWriter().bytes(2, "Failure").bytes(3, "no").bytes(5, details).varint(6, 504).text());
  const http::Response answer{
      .status = 504, .headers = {{"content-type", "application/vnd.kubernetes.protobuf"}}, .body = status};
  const Error error = error_from_answer(answer, "GET /x", WallTime{});
  CHECK(error.code == ErrorCode::kExpired);
  CHECK(error.message == "GET /x: no");
  CHECK(error.retry_after == Duration(3000));
}

TEST_CASE("a list hands out its items and answers the rest") {
  const std::string list =
      protobuf_envelope("v1", "ThingList",
                        ProtobufWriter()
                            .bytes(1, ProtobufWriter().bytes(2, "41").bytes(3, "more").varint(4, 9).text())
                            .bytes(2, ProtobufWriter().bytes(1, meta("a")).text())
                            .bytes(2, ProtobufWriter().bytes(1, meta("b")).text())
                            .text());
  std::vector<std::string> names;
  const Result<Json> rest =
      read_protobuf_list(list, kThing, [&](const Json& item) { names.emplace_back(name_of(item)); });
  REQUIRE(rest);
  CHECK(names == std::vector<std::string>{"a", "b"});
  CHECK(*rest == Json{{"apiVersion", "v1"},
                      {"kind", "ThingList"},
                      {"metadata", {{"resourceVersion", "41"}, {"continue", "more"}, {"remainingItemCount", 9}}}});
}

TEST_CASE("bytes that are cut off or are something else are an error, never half an object") {
  const std::string whole = thing("a");
  const Result<Json> all = read_protobuf_object(whole, kThing);
  REQUIRE(all);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const Result<Json> object = read_protobuf_object(std::string_view(whole).substr(0, size), kThing);
    // A cut between two fields of the envelope leaves an object of which some are missing, or none that is read.
    if (object) {
      CHECK((*object == *all || !object->contains("metadata")));
    } else {
      CHECK(object.error().code == ErrorCode::kUnavailable);
    }
  }
  CHECK(!read_protobuf_object(R"({"kind":"Thing"})", kThing));
  CHECK(!read_protobuf_object(protobuf_envelope("v1", "Thing", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                              kThing));
  CHECK(!read_protobuf_event("\x07", kThing));
}

TEST_CASE("what is created is sent as Protobuf, until the server takes none") {
  FakeApi api([](const std::string& request) {
    const bool is_json = request.find("Content-Type: application/json") != std::string::npos;
    return is_json ? kube::answer(201, R"({"metadata":{"name":"a"}})") : kube::answer(415, "");
  });
  Client client(api.config(), "test", nullptr);
  const Resource things = kConfigMaps.written_as(kThing);
  const Json small{{"apiVersion", "v1"}, {"kind", "Thing"}, {"metadata", {{"name", "a"}}}};
  Json large = small;
  large["more"] = 1;
  CHECK(client.create(things, "ns", large).ok());
  CHECK(api.requests().size() == 1);
  CHECK(api.body(0) == large.dump());
  CHECK(client.create(things, "ns", small).ok());
  REQUIRE(api.requests().size() == 3);
  CHECK(*read_protobuf_object(api.body(1), kThing) == small);
  CHECK(api.body(2) == small.dump());
  CHECK(client.create(things, "ns", small).ok());
  CHECK(api.requests().size() == 4);
}

TEST_CASE("frames of a watch are decoded wherever the pieces are cut") {
  const std::string stream = protobuf_frame(event("ADDED", thing("a"))) + protobuf_frame(event("BOOKMARK", thing(""))) +
                             protobuf_frame(event("DELETED", thing("b")));
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    CAPTURE(cut);
    WatchDecoder decoder(&kThing);
    std::vector<std::string> told;
    const auto sink = [&](const WatchEvent& e) {
      told.push_back(std::to_string(static_cast<int>(e.type)) + std::string(name_of(e.object)));
    };
    CHECK(decoder.feed(std::string_view(stream).substr(0, cut), sink).ok());
    CHECK(decoder.feed(std::string_view(stream).substr(cut), sink).ok());
    CHECK(decoder.at_event_start());
    CHECK(told == std::vector<std::string>{"0a", "3", "2b"});
  }
}

TEST_CASE("a frame that is no event, too long or not whole is known") {
  const auto none = [](const WatchEvent&) { FAIL("an event"); };
  CHECK(!WatchDecoder(&kThing).feed(protobuf_frame(""), none).ok());
  CHECK(!WatchDecoder(&kThing).feed(protobuf_frame("x"), none).ok());
  CHECK(!WatchDecoder(&kThing).feed(protobuf_frame(event("RENAMED", thing("a"))), none).ok());
  CHECK(!WatchDecoder(&kThing).feed("\x7f\xff\xff\xff", none).ok());
  WatchDecoder begun(&kThing);
  const std::string frame = protobuf_frame(event("ADDED", thing("a")));
  CHECK(begun.feed(std::string_view(frame).substr(0, frame.size() - 1), none).ok());
  CHECK(!begun.at_event_start());
}

}  // namespace
}  // namespace sluice::kube
