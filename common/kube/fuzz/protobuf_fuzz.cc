// Protobuf of an API server: no input may crash the reader, what it answers is JSON of the table's types, and a watch
// that comes in pieces is what comes whole. The first byte says what the others are, and how long the pieces.
#include <algorithm>
#include <array>
#include <string>

#include "common/kube/fuzz/target.h"
#include "common/kube/protobuf.h"
#include "common/kube/watch_decoder.h"

namespace sluice::kube {

namespace {

using Kind = ProtobufField::Kind;

constexpr std::array<ProtobufField, 2> kBesideFields{{{1, "beside", Kind::kText}, {2, "small", Kind::kInteger32}}};
constexpr ProtobufMessage kBeside{kBesideFields};

/// A message of every kind, also of itself.
extern const ProtobufMessage kThing;
constexpr std::array<ProtobufField, 12> kFields{{{1, "metadata", Kind::kMessage, &kObjectMeta},
                                                 {2, "on", Kind::kBool},
                                                 {3, "things", Kind::kMessages, &kThing},
                                                 {4, "count", Kind::kInteger64},
                                                 {5, "at", Kind::kTime},
                                                 {6, "inner", Kind::kMessage, &kThing},
                                                 {7, "", Kind::kInlined, &kBeside},
                                                 {8, "texts", Kind::kTexts},
                                                 {9, "size", Kind::kQuantity},
                                                 {10, "sizes", Kind::kQuantityMap},
                                                 {11, "port", Kind::kIntOrText},
                                                 {12, "labels", Kind::kTextMap}}};
const ProtobufMessage kThing{kFields};

void check(const Json& thing) {
  fuzz::expect(thing.is_object() && !thing.dump().empty());
  fuzz::expect(!thing.contains("metadata") || thing["metadata"].is_object());
  fuzz::expect(!thing.contains("on") || thing["on"] == true);
  fuzz::expect(!thing.contains("count") || thing["count"].is_number_integer());
  fuzz::expect(!thing.contains("at") || thing["at"].get<std::string>().size() == 20);
  if (thing.contains("inner")) check(thing["inner"]);
  if (!thing.contains("things")) return;
  fuzz::expect(thing["things"].is_array());
  for (const Json& one : thing["things"]) check(one);
}

/// The events as text, and how it ended.
std::string decode(std::string_view bytes, std::size_t piece) {
  WatchDecoder decoder(&kThing);
  std::string told;
  const auto sink = [&](const WatchEvent& event) {
    told += std::to_string(static_cast<int>(event.type)) +
            event.object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  };
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    const Status fed = decoder.feed(bytes.substr(0, piece), sink);
    if (!fed) return told + fed.error().message;
  }
  return told + (decoder.at_event_start() ? "end" : "inside a frame");
}

}  // namespace

int fuzz_protobuf(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text_of(data + 1, size - 1);
  if (data[0] == 0) {
    const Result<Json> object = read_protobuf_object(bytes, kThing);
    fuzz::expect(object || object.error().code == ErrorCode::kUnavailable);
    if (!object || text_at(*object, "/kind") == "Status") return 0;
    check(*object);
    // What can be written says the same when it is read again.
    const std::optional<std::string> written = write_protobuf_object(*object, kThing);
    fuzz::expect(!written || *read_protobuf_object(*written, kThing) == *object);
  } else if (data[0] == 1) {
    const Result<Json> list = read_protobuf_list(bytes, kThing, check);
    fuzz::expect(!list || (list->is_object() && !list->contains("items")));
  } else {
    fuzz::expect(decode(bytes, data[0] - 1) == decode(bytes, std::max<std::size_t>(1, bytes.size())));
  }
  return 0;
}

}  // namespace sluice::kube

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::kube::fuzz_protobuf(data, size);
}
#endif
