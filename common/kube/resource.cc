#include "common/kube/resource.h"

#include "common/http/client.h"

namespace sluice::kube {
namespace {

/// The member named `key`, or null where `object` is no object or has none.
const Json* member(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string_view text_of(const Json* value) {
  return value != nullptr && value->is_string() ? std::string_view(value->get_ref<const std::string&>())
                                                : std::string_view();
}

/// metadata.<map>.<key>: labels and annotations.
std::string_view metadata_entry(const Json& object, std::string_view map, std::string_view key) {
  const Json* metadata = member(object, "metadata");
  const Json* entries = metadata == nullptr ? nullptr : member(*metadata, map);
  return entries == nullptr ? std::string_view() : text_of(member(*entries, key));
}

/// A digit string without leading zeros, as the API server writes resource versions.
bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos && text.front() != '0';
}

}  // namespace

std::string Resource::path(std::string_view ns, std::string_view name, std::string_view subresource) const {
  std::string out = group.empty() ? "/api/" + version : "/apis/" + group + "/" + version;
  if (namespaced && !ns.empty()) out += "/namespaces/" + http::url_encode(ns);
  out += "/" + plural;
  if (!name.empty()) out += "/" + http::url_encode(name);
  if (!subresource.empty()) out += "/" + http::url_encode(subresource);
  return out;
}

std::string make_key(std::string_view ns, std::string_view name) {
  std::string key;
  key.reserve(ns.size() + 1 + name.size());
  key.append(ns);
  if (!ns.empty()) key += '/';
  key.append(name);
  return key;
}

std::string key_of(const Json& object) {
  return make_key(namespace_of(object), name_of(object));
}

KeyParts split_key(std::string_view key) {
  const auto slash = key.find('/');
  if (slash == std::string_view::npos) return {"", std::string(key)};
  return {std::string(key.substr(0, slash)), std::string(key.substr(slash + 1))};
}

std::optional<int> compare_resource_versions(std::string_view a, std::string_view b) {
  if (!is_number(a) || !is_number(b)) return std::nullopt;
  // Longer numbers are larger; they may have more digits than 64 bits hold.
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  const int order = a.compare(b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

std::string_view metadata_text(const Json& object, std::string_view field) {
  const Json* metadata = member(object, "metadata");
  return metadata == nullptr ? std::string_view() : text_of(member(*metadata, field));
}

std::string_view label_of(const Json& object, std::string_view label) {
  return metadata_entry(object, "labels", label);
}

std::string_view annotation_of(const Json& object, std::string_view annotation) {
  return metadata_entry(object, "annotations", annotation);
}

const Json& at_pointer(const Json& object, const char* pointer) {
  static const Json kNull;
  // Walked by hand: nlohmann's own json_pointer throws where an array's index is none.
  const Json* at = &object;
  std::string_view rest = pointer;
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the slash
    const auto end = std::min(rest.find('/'), rest.size());
    std::string token(rest.substr(0, end));
    rest.remove_prefix(end);
    for (auto tilde = token.find('~'); tilde != std::string::npos; tilde = token.find('~', tilde + 1)) {
      token.replace(tilde, 2, token.compare(tilde, 2, "~1") == 0 ? "/" : "~");
    }
    if (at->is_array()) {
      const bool is_index =
          !token.empty() && token.size() < 10 && token.find_first_not_of("0123456789") == std::string::npos;
      const std::size_t index = is_index ? std::stoul(token) : at->size();
      if (index >= at->size()) return kNull;
      at = &(*at)[index];
    } else {
      at = member(*at, token);
      if (at == nullptr) return kNull;
    }
  }
  return *at;
}

const Json& entry_named(const Json& list, std::string_view key, std::string_view name) {
  static const Json kNull;
  if (!list.is_array()) return kNull;
  for (const Json& entry : list) {
    if (!entry.is_object()) continue;
    const auto it = entry.find(key);
    if (it != entry.end() && it->is_string() && it->get_ref<const std::string&>() == name) return entry;
  }
  return kNull;
}

std::int64_t integer_at(const Json& object, const char* pointer, std::int64_t otherwise) {
  const Json& value = at_pointer(object, pointer);
  return value.is_number_integer() ? value.get<std::int64_t>() : otherwise;
}

std::string text_at(const Json& object, const char* pointer, std::string_view otherwise) {
  const Json& value = at_pointer(object, pointer);
  return value.is_string() ? value.get<std::string>() : std::string(otherwise);
}

bool bool_at(const Json& object, const char* pointer, bool otherwise) {
  const Json& value = at_pointer(object, pointer);
  return value.is_boolean() ? value.get<bool>() : otherwise;
}

}  // namespace sluice::kube
