// From JSON to Protobuf: all of an object, or nothing.
#include <algorithm>
#include <limits>

#include "common/kube/protobuf.h"
#include "common/kube/protobuf_writer.h"

namespace sluice::kube {
namespace {

using Kind = ProtobufField::Kind;

/// Nothing where `value` is no integer, or one beyond the bounds.
std::optional<std::uint64_t> integer_of(const Json& value, std::int64_t least, std::int64_t most) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(most)) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  if (number < least || number > most) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

std::optional<std::uint64_t> integer32_of(const Json& value) {
  return integer_of(value, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max());
}

std::optional<std::uint64_t> integer64_of(const Json& value) {
  return integer_of(value, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
}

bool write_integer(const ProtobufField& field, std::optional<std::uint64_t> value, ProtobufWriter& out) {
  if (value) out.varint(field.number, *value);
  return value.has_value();
}

/// resource.Quantity. What is no quantity the API server refuses.
std::optional<std::string> quantity_of(const Json& value) {
  if (value.is_string()) return ProtobufWriter().bytes(1, value.get_ref<const std::string&>()).text();
  if (value.is_number_integer()) return ProtobufWriter().bytes(1, value.dump()).text();
  return std::nullopt;
}

/// intstr.IntOrString: its type (0: the number), the number, the text.
std::optional<std::string> int_or_text_of(const Json& value) {
  if (value.is_string()) {
    return ProtobufWriter().varint(1, 1).varint(2, 0).bytes(3, value.get_ref<const std::string&>()).text();
  }
  const std::optional<std::uint64_t> number = integer32_of(value);
  if (!number) return std::nullopt;
  return ProtobufWriter().varint(1, 0).varint(2, *number).bytes(3, "").text();
}

/// Each entry of a map: key 1, value 2, as `value_of` writes it.
template <class ValueOf>
bool write_map(const ProtobufField& field, const Json& map, ProtobufWriter& out, ValueOf value_of) {
  if (!map.is_object()) return false;
  for (const auto& [key, value] : map.items()) {
    const std::optional<std::string> written = value_of(value);
    if (!written) return false;
    out.bytes(field.number, ProtobufWriter().bytes(1, key).bytes(2, *written).text());
  }
  return true;
}

std::optional<std::string> text_of(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

/// Those members that `message` names. How many there were; nothing where one cannot be written.
std::optional<std::size_t> write_members(const Json& object, const ProtobufMessage& message, int depth,
                                         ProtobufWriter& out);

/// All of `object` but for `others` of its members.
bool write_message(const Json& object, const ProtobufMessage& message, int depth, ProtobufWriter& out,
                   std::size_t others = 0) {
  if (!object.is_object() || depth > kProtobufDepthMax) return false;
  const std::optional<std::size_t> written = write_members(object, message, depth, out);
  const auto said = std::count_if(object.begin(), object.end(), [](const Json& member) { return !member.is_null(); });
  return written && *written + others == static_cast<std::size_t>(said);
}

bool write_messages(const ProtobufField& field, const Json& list, int depth, ProtobufWriter& out) {
  if (!list.is_array()) return false;
  return std::all_of(list.begin(), list.end(), [&](const Json& one) {
    ProtobufWriter inner;
    if (!write_message(one, *field.message, depth + 1, inner)) return false;
    out.bytes(field.number, inner.text());
    return true;
  });
}

bool write_texts(const ProtobufField& field, const Json& list, ProtobufWriter& out) {
  if (!list.is_array()) return false;
  return std::all_of(list.begin(), list.end(), [&](const Json& one) {
    if (one.is_string()) out.bytes(field.number, one.get_ref<const std::string&>());
    return one.is_string();
  });
}

bool write_bytes(const ProtobufField& field, const std::optional<std::string>& value, ProtobufWriter& out) {
  if (value) out.bytes(field.number, *value);
  return value.has_value();
}

bool write_field(const ProtobufField& field, const Json& value, int depth, ProtobufWriter& out) {
  switch (field.kind) {
    case Kind::kText:
      return write_bytes(field, text_of(value), out);
    case Kind::kInteger64:
      return write_integer(field, integer64_of(value), out);
    case Kind::kInteger32:
      return write_integer(field, integer32_of(value), out);
    case Kind::kBool:
      if (value.is_boolean()) out.varint(field.number, value.get<bool>() ? 1 : 0);
      return value.is_boolean();
    case Kind::kTexts:
      return write_texts(field, value, out);
    case Kind::kTextMap:
      return write_map(field, value, out, text_of);
    case Kind::kQuantity:
      return write_bytes(field, quantity_of(value), out);
    case Kind::kQuantityMap:
      return write_map(field, value, out, quantity_of);
    case Kind::kIntOrText:
      return write_bytes(field, int_or_text_of(value), out);
    case Kind::kMessage: {
      ProtobufWriter inner;
      if (!write_message(value, *field.message, depth + 1, inner)) return false;
      out.bytes(field.number, inner.text());
      return true;
    }
    case Kind::kMessages:
      return write_messages(field, value, depth, out);
    case Kind::kTime:
    case Kind::kInlined:
      return false;
  }
  return false;
}

std::optional<std::size_t> write_members(const Json& object, const ProtobufMessage& message, int depth,
                                         ProtobufWriter& out) {
  std::size_t count = 0;
  for (const ProtobufField& field : message.fields) {
    if (field.kind == Kind::kInlined) {
      ProtobufWriter inner;
      const std::optional<std::size_t> written = write_members(object, *field.message, depth + 1, inner);
      if (!written) return std::nullopt;
      count += *written;
      out.bytes(field.number, inner.text());
      continue;
    }
    const auto member = object.find(field.name);
    if (member == object.end() || member->is_null()) continue;
    if (!write_field(field, *member, depth, out)) return std::nullopt;
    ++count;
  }
  return count;
}

}  // namespace

std::optional<std::string> write_protobuf_object(const Json& object, const ProtobufMessage& message) {
  if (!object.is_object()) return std::nullopt;
  const std::string api_version = text_at(object, "/apiVersion");
  const std::string kind = text_at(object, "/kind");
  if (api_version.empty() || kind.empty()) return std::nullopt;
  ProtobufWriter out;
  if (!write_message(object, message, 0, out, 2)) return std::nullopt;  // Those two stand in the envelope.
  return protobuf_envelope(api_version, kind, out.text());
}

}  // namespace sluice::kube
