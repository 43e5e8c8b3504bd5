#include "common/kube/protobuf.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/base/duration_text.h"

namespace sluice::kube {
namespace {

using Kind = ProtobufField::Kind;

/// Begins every object; a watch's frames have it inside.
constexpr std::string_view kMagic{"k8s\0", 4};
/// Year 9999: what is later is no time that RFC 3339 can write.
constexpr std::int64_t kSecondsMax = 253'402'300'799;
/// Year 1.
constexpr std::int64_t kSecondsMin = -62'135'596'800;

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

/// One field of a message as it lies in the bytes.
struct WireField {
  std::uint64_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;  // kVarint
  std::string_view bytes;   // kBytes
};

/// Goes over the fields of one message.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  /// Nothing at the end, and where what comes is no field: then broken().
  std::optional<WireField> next() {
    if (rest_.empty()) return std::nullopt;
    WireField field;
    const std::optional<std::uint64_t> tag = varint();
    if (!tag) return stop();
    field.number = *tag >> 3;
    field.type = static_cast<WireType>(*tag & 7);
    if (field.number == 0) return stop();
    std::optional<std::uint64_t> length;
    switch (field.type) {
      case WireType::kVarint: {
        const std::optional<std::uint64_t> value = varint();
        if (!value) return stop();
        field.value = *value;
        return field;
      }
      case WireType::kFixed64:
        length = 8;
        break;
      case WireType::kFixed32:
        length = 4;
        break;
      case WireType::kBytes:
        length = varint();
        break;
    }
    if (!length || *length > rest_.size()) return stop();
    field.bytes = rest_.substr(0, *length);
    rest_.remove_prefix(*length);
    return field;
  }
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  std::optional<WireField> stop() {
    broken_ = true;
    return std::nullopt;
  }

  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return std::nullopt;
  }

  std::string_view rest_;
  bool broken_ = false;
};

Error broken(const char* what) {
  return {ErrorCode::kUnavailable, std::string("the answer is no Protobuf of Kubernetes: ") + what};
}

Error broken_message() {
  return broken("a message is cut off");
}

/// What is not UTF-8 is replaced, or no JSON could be written of it: an API server checks what it reads as JSON alone.
Json valid_text(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return text;
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
}

const ProtobufField* field_numbered(const ProtobufMessage& message, std::uint64_t number) {
  const auto found = std::find_if(message.fields.begin(), message.fields.end(),
                                  [&](const ProtobufField& field) { return field.number == number; });
  return found == message.fields.end() ? nullptr : &*found;
}

/// The bytes of field `number`, the last where it comes twice; nothing where the message is broken.
std::optional<std::string_view> bytes_of(std::string_view message, std::uint64_t number) {
  WireReader reader(message);
  std::string_view bytes;
  while (const std::optional<WireField> field = reader.next()) {
    if (field->number == number && field->type == WireType::kBytes) bytes = field->bytes;
  }
  if (reader.broken()) return std::nullopt;
  return bytes;
}

/// Of a metav1.Time; "" where it is none, nothing where it is broken.
std::optional<std::string> time_text(std::string_view bytes) {
  WireReader reader(bytes);
  std::optional<std::int64_t> seconds;
  while (const std::optional<WireField> field = reader.next()) {
    if (field->number == 1 && field->type == WireType::kVarint) seconds = static_cast<std::int64_t>(field->value);
  }
  if (reader.broken()) return std::nullopt;
  if (!seconds || *seconds < kSecondsMin || *seconds > kSecondsMax) return std::string();
  return format_rfc3339(WallTime(std::chrono::seconds(*seconds)));
}

bool read_message(std::string_view bytes, const ProtobufMessage& message, int depth, Json& out);

/// One entry of a map: key 1, value 2, whose text `text_of` finds.
template <class TextOf>
bool read_entry(std::string_view bytes, Json& map, TextOf text_of) {
  const std::optional<std::string_view> key = bytes_of(bytes, 1);
  const std::optional<std::string_view> value = bytes_of(bytes, 2);
  const std::optional<std::string_view> text = value ? text_of(*value) : std::nullopt;
  if (!key || !text) return false;
  map[valid_text(*key).get_ref<const std::string&>()] = valid_text(*text);
  return true;
}

std::optional<std::string_view> itself(std::string_view value) {
  return value;
}

/// Of a resource.Quantity.
std::optional<std::string_view> quantity_text(std::string_view quantity) {
  return bytes_of(quantity, 1);
}

bool read_int_or_text(std::string_view bytes, Json& out) {
  WireReader reader(bytes);
  bool is_text = false;
  std::int64_t number = 0;
  std::string_view text;
  while (const std::optional<WireField> field = reader.next()) {
    if (field->number == 1 && field->type == WireType::kVarint) is_text = field->value == 1;
    if (field->number == 2 && field->type == WireType::kVarint) number = static_cast<std::int64_t>(field->value);
    if (field->number == 3 && field->type == WireType::kBytes) text = field->bytes;
  }
  out = is_text ? valid_text(text) : Json(number);
  return !reader.broken();
}

/// False where the bytes are broken. What has another wire type than the table says is left out, as Protobuf's rules
/// for unknown fields have it.
bool read_field(const WireField& wire, const ProtobufField& field, int depth, Json& out) {
  if (wire.type == WireType::kVarint) {
    if (wire.value == 0) return true;
    if (field.kind == Kind::kInteger64 || field.kind == Kind::kInteger32)
      out[field.name] = static_cast<std::int64_t>(wire.value);
    if (field.kind == Kind::kBool) out[field.name] = true;
    return true;
  }
  if (wire.type != WireType::kBytes) return true;
  switch (field.kind) {
    case Kind::kText:
      if (!wire.bytes.empty()) out[field.name] = valid_text(wire.bytes);
      return true;
    case Kind::kTime: {
      std::optional<std::string> text = time_text(wire.bytes);
      if (text && !text->empty()) out[field.name] = std::move(*text);
      return text.has_value();
    }
    case Kind::kTexts:
      out[field.name].push_back(valid_text(wire.bytes));
      return true;
    case Kind::kTextMap:
      return read_entry(wire.bytes, out[field.name], itself);
    case Kind::kQuantity: {
      const std::optional<std::string_view> text = quantity_text(wire.bytes);
      if (text) out[field.name] = valid_text(*text);
      return text.has_value();
    }
    case Kind::kQuantityMap:
      return read_entry(wire.bytes, out[field.name], quantity_text);
    case Kind::kIntOrText:
      return read_int_or_text(wire.bytes, out[field.name]);
    case Kind::kInlined:
      return read_message(wire.bytes, *field.message, depth + 1, out);
    case Kind::kMessage:
      return read_message(wire.bytes, *field.message, depth + 1, out[field.name]);
    case Kind::kMessages: {
      Json& list = out[field.name];
      if (!list.is_array()) list = Json::array();
      return read_message(wire.bytes, *field.message, depth + 1, list.emplace_back());
    }
    case Kind::kInteger64:
    case Kind::kInteger32:
    case Kind::kBool:
      return true;
  }
  return true;
}

/// Into `out`, an object from then on.
bool read_message(std::string_view bytes, const ProtobufMessage& message, int depth, Json& out) {
  if (depth > kProtobufDepthMax) return false;
  if (!out.is_object()) out = Json::object();
  WireReader reader(bytes);
  while (const std::optional<WireField> wire = reader.next()) {
    const ProtobufField* field = field_numbered(message, wire->number);
    if (field != nullptr && !read_field(*wire, *field, depth, out)) return false;
  }
  return !reader.broken();
}

constexpr std::array<ProtobufField, 6> kOwnerReferenceFields{{{5, "apiVersion", Kind::kText},
                                                              {1, "kind", Kind::kText},
                                                              {3, "name", Kind::kText},
                                                              {4, "uid", Kind::kText},
                                                              {6, "controller", Kind::kBool},
                                                              {7, "blockOwnerDeletion", Kind::kBool}}};
constexpr ProtobufMessage kOwnerReference{kOwnerReferenceFields};

constexpr std::array<ProtobufField, 12> kObjectMetaFields{{{1, "name", Kind::kText},
                                                           {3, "namespace", Kind::kText},
                                                           {5, "uid", Kind::kText},
                                                           {6, "resourceVersion", Kind::kText},
                                                           {7, "generation", Kind::kInteger64},
                                                           {8, "creationTimestamp", Kind::kTime},
                                                           {9, "deletionTimestamp", Kind::kTime},
                                                           {10, "deletionGracePeriodSeconds", Kind::kInteger64},
                                                           {11, "labels", Kind::kTextMap},
                                                           {12, "annotations", Kind::kTextMap},
                                                           {13, "ownerReferences", Kind::kMessages, &kOwnerReference},
                                                           {14, "finalizers", Kind::kTexts}}};

constexpr std::array<ProtobufField, 3> kListMetaFields{
    {{2, "resourceVersion", Kind::kText}, {3, "continue", Kind::kText}, {4, "remainingItemCount", Kind::kInteger64}}};
constexpr ProtobufMessage kListMeta{kListMetaFields};

/// metadata alone: the items are handed out.
constexpr std::array<ProtobufField, 1> kListFields{{{1, "metadata", Kind::kMessage, &kListMeta}}};
constexpr ProtobufMessage kList{kListFields};
constexpr std::uint64_t kListItems = 2;

constexpr std::array<ProtobufField, 3> kCauseFields{
    {{1, "reason", Kind::kText}, {2, "message", Kind::kText}, {3, "field", Kind::kText}}};
constexpr ProtobufMessage kCause{kCauseFields};
constexpr std::array<ProtobufField, 6> kDetailsFields{{{1, "name", Kind::kText},
                                                       {2, "group", Kind::kText},
                                                       {3, "kind", Kind::kText},
                                                       {4, "causes", Kind::kMessages, &kCause},
                                                       {5, "retryAfterSeconds", Kind::kInteger32},
                                                       {6, "uid", Kind::kText}}};
constexpr ProtobufMessage kDetails{kDetailsFields};
constexpr std::array<ProtobufField, 6> kStatusFields{{{1, "metadata", Kind::kMessage, &kListMeta},
                                                      {2, "status", Kind::kText},
                                                      {3, "message", Kind::kText},
                                                      {4, "reason", Kind::kText},
                                                      {5, "details", Kind::kMessage, &kDetails},
                                                      {6, "code", Kind::kInteger32}}};
constexpr ProtobufMessage kStatus{kStatusFields};

/// runtime.Unknown, which every object is wrapped in.
struct Envelope {
  std::string_view api_version;
  std::string_view kind;
  std::string_view raw;
};

Result<Envelope> open_envelope(std::string_view body) {
  if (!body.starts_with(kMagic)) return broken("its first bytes are not k8s");
  body.remove_prefix(kMagic.size());
  const std::optional<std::string_view> type = bytes_of(body, 1);
  const std::optional<std::string_view> raw = bytes_of(body, 2);
  if (!type || !raw) return broken_message();
  const std::optional<std::string_view> api_version = bytes_of(*type, 1);
  const std::optional<std::string_view> kind = bytes_of(*type, 2);
  if (!api_version || !kind) return broken_message();
  return Envelope{*api_version, *kind, *raw};
}

Json typed(const Envelope& envelope) {
  return {{"apiVersion", valid_text(envelope.api_version)}, {"kind", valid_text(envelope.kind)}};
}

}  // namespace

const ProtobufMessage kObjectMeta{kObjectMetaFields};

bool is_protobuf(const http::Response& answer) {
  const std::string_view type = answer.header("content-type");
  return type.substr(0, type.find(';')) == kProtobufType;
}

Result<Json> read_protobuf_object(std::string_view body, const ProtobufMessage& message) {
  const Result<Envelope> envelope = open_envelope(body);
  if (!envelope) return envelope.error();
  Json object = typed(*envelope);
  const bool is_status = envelope->kind == "Status";
  if (!read_message(envelope->raw, is_status ? kStatus : message, 0, object)) return broken_message();
  return object;
}

Result<Json> read_protobuf_list(std::string_view body, const ProtobufMessage& message,
                                const std::function<void(Json)>& on_object) {
  const Result<Envelope> envelope = open_envelope(body);
  if (!envelope) return envelope.error();
  Json list = typed(*envelope);
  if (!read_message(envelope->raw, kList, 0, list)) return broken_message();
  WireReader reader(envelope->raw);
  while (const std::optional<WireField> wire = reader.next()) {
    if (wire->number != kListItems || wire->type != WireType::kBytes) continue;
    Json item;
    if (!read_message(wire->bytes, message, 0, item)) return broken_message();
    on_object(std::move(item));
  }
  return list;
}

Result<Json> read_protobuf_event(std::string_view frame, const ProtobufMessage& message) {
  const std::optional<std::string_view> type = bytes_of(frame, 1);
  const std::optional<std::string_view> extension = bytes_of(frame, 2);
  if (!type || !extension) return broken_message();
  const std::optional<std::string_view> raw = bytes_of(*extension, 1);
  if (!raw) return broken_message();
  Result<Json> object = read_protobuf_object(*raw, message);
  if (!object) return object;
  return Json{{"type", valid_text(*type)}, {"object", std::move(*object)}};
}

}  // namespace sluice::kube
