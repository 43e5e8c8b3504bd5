#include "operator/names.h"

#include <cstdint>
#include <set>

namespace sluice::op {
namespace {

/// FNV-1a, 64 bit (draft-eastlake-fnv): short, stable over versions and machines; nothing here needs a cryptographic
/// hash, since collisions among names are seen and stepped over.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037u;
  for (const unsigned char byte : text) hash = (hash ^ byte) * 1099511628211u;
  return hash;
}

/// Letters and digits that cannot spell a word, as Kubernetes uses for its own suffixes.
std::string letters_of(std::uint64_t hash, int count) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string letters;
  for (int i = 0; i < count; ++i) {
    letters += kAlphabet[hash % kAlphabet.size()];
    hash /= kAlphabet.size();
  }
  return letters;
}

bool names_an_image(const kube::Json& pod_template) {
  const kube::Json& containers = kube::at_pointer(pod_template, "/spec/containers");
  if (!containers.is_array()) return false;
  for (const kube::Json& container : containers) {
    if (kube::text_at(container, "/name") == kContainerName) return !kube::text_at(container, "/image").empty();
  }
  return false;
}

}  // namespace

std::string pod_name(std::string_view gateway, std::string_view owner_uid, int index) {
  const std::string seed = std::string(owner_uid) + "/" + std::to_string(index);
  return std::string(gateway) + "-" + letters_of(hash_of(seed) ^ (hash_of(seed) >> 29), 5);
}

std::vector<std::string> free_names(const Observed& seen, int count) {
  std::set<std::string> taken = seen.taken_names;
  for (const PodView& pod : seen.pods) taken.insert(pod.name);
  std::vector<std::string> names;
  for (int index = 0; static_cast<int>(names.size()) < count; ++index) {
    std::string name = pod_name(seen.name, seen.uid, index);
    if (taken.insert(name).second) names.push_back(std::move(name));
  }
  return names;
}

std::string revision_of(const kube::Json& pod_template, std::string_view default_image, std::int64_t collisions) {
  // Objects are dumped with sorted keys, so the text is the same for the same template.
  std::string text = pod_template.dump();
  if (!names_an_image(pod_template)) text += default_image;
  if (collisions > 0) text += "/" + std::to_string(collisions);
  return letters_of(hash_of(text), 10);
}

std::string key_of_owner(const kube::Json& object) {
  return kube::make_key(kube::namespace_of(object), kube::label_of(object, kGatewayLabel));
}

std::string keys_config_map_name(std::string_view gateway) {
  return std::string(gateway) + "-admin-keys";
}

std::string draining_pdb_name(std::string_view gateway) {
  return std::string(gateway) + "-draining";
}

std::string replica_selector(std::string_view gateway) {
  return gateway_selector(gateway) + "," + kStateLabel + " in (" + kStateActive + "," + kStateGray + ")";
}

}  // namespace sluice::op
