#include "common/kube/packed.h"

#include <cassert>
#include <cstring>

namespace sluice::kube {
namespace {

enum class Tag : char { kNull, kFalse, kTrue, kUnsigned, kSigned, kReal, kText, kArray, kObject };

/// Numbers near 0 become small, whatever their sign: 0, -1, 1, -2 are 0, 1, 2, 3.
std::uint64_t fold(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unfold(std::uint64_t value) {
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

}  // namespace

// A value is a tag and what belongs to it; lengths and numbers are varints (7 bits a byte, the lowest first). A
// member's name is its number + 1, or 0 and the text.
class Packer {
 public:
  explicit Packer(NameTable& names) : names_(names) {}

  void value(const Json& json) REQUIRES(names_.mutex_) {
    switch (json.type()) {
      case Json::value_t::boolean:
        return tag(json.get<bool>() ? Tag::kTrue : Tag::kFalse);
      case Json::value_t::number_unsigned:
        tag(Tag::kUnsigned);
        return number(json.get<std::uint64_t>());
      case Json::value_t::number_integer:
        tag(Tag::kSigned);
        return number(fold(json.get<std::int64_t>()));
      case Json::value_t::number_float:
        return real(json.get<double>());
      case Json::value_t::string:
        tag(Tag::kText);
        return text(json.get_ref<const std::string&>());
      case Json::value_t::array:
        tag(Tag::kArray);
        number(json.size());
        for (const Json& item : json) value(item);
        return;
      case Json::value_t::object:
        tag(Tag::kObject);
        number(json.size());
        for (const auto& [key, member] : json.get_ref<const Json::object_t&>()) {
          name(key);
          value(member);
        }
        return;
      default:  // null; binary and discarded values come from no parser of JSON
        return tag(Tag::kNull);
    }
  }
  std::string out;

 private:
  void tag(Tag tag) { out += static_cast<char>(tag); }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(0x80 | (value & 0x7f));
    out += static_cast<char>(value);
  }
  void real(double value) {
    tag(Tag::kReal);
    char bytes[sizeof(value)];
    std::memcpy(bytes, &value, sizeof(value));
    out.append(bytes, sizeof(value));
  }
  void text(std::string_view text) {
    number(text.size());
    out.append(text);
  }
  void name(const std::string& key) REQUIRES(names_.mutex_) {
    auto known = names_.numbers_.find(key);
    if (known == names_.numbers_.end()) {
      if (names_.names_.size() >= NameTable::kNamesMax || key.size() > NameTable::kNameBytesMax) {
        number(0);
        return text(key);
      }
      const auto next = static_cast<std::uint32_t>(names_.names_.size());
      known = names_.numbers_.emplace(names_.names_.emplace_back(key), next).first;
    }
    number(known->second + 1);
  }

  NameTable& names_;
};

class Unpacker {
 public:
  Unpacker(std::string_view bytes, NameTable& names) : rest_(bytes), names_(names) {}

  Json value() REQUIRES(names_.mutex_) {
    switch (static_cast<Tag>(take(1).front())) {
      case Tag::kNull:
        return nullptr;
      case Tag::kFalse:
        return false;
      case Tag::kTrue:
        return true;
      case Tag::kUnsigned:
        return number();
      case Tag::kSigned:
        return unfold(number());
      case Tag::kReal: {
        double value = 0;
        std::memcpy(&value, take(sizeof(value)).data(), sizeof(value));
        return value;
      }
      case Tag::kText:
        return Json(std::string(take(number())));
      case Tag::kArray: {
        Json out = Json::array();  // built in place: trees are never copied on the way up
        auto& items = out.get_ref<Json::array_t&>();
        const auto size = number();
        items.reserve(size);
        for (std::uint64_t i = 0; i < size; ++i) items.push_back(value());
        return out;
      }
      case Tag::kObject: {
        Json out = Json::object();
        auto& members = out.get_ref<Json::object_t&>();
        for (auto left = number(); left > 0; --left) {
          std::string key = name();
          members.emplace_hint(members.end(), std::move(key), value());  // they were written in order
        }
        return out;
      }
    }
    assert(false);
    return nullptr;
  }

 private:
  std::string_view take(std::size_t size) {
    assert(size <= rest_.size());
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string name() REQUIRES(names_.mutex_) {
    const std::uint64_t known = number();
    return known == 0 ? std::string(take(number())) : names_.names_[known - 1];
  }

  std::string_view rest_;
  NameTable& names_;
};

std::string pack(const Json& value, NameTable& names) {
  const MutexLock lock(names.mutex_);
  Packer packer(names);
  packer.value(value);
  packer.out.shrink_to_fit();
  return std::move(packer.out);
}

Json unpack(std::string_view bytes, NameTable& names) {
  const MutexLock lock(names.mutex_);
  return Unpacker(bytes, names).value();
}

}  // namespace sluice::kube
