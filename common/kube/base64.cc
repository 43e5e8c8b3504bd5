#include "common/kube/base64.h"

#include <openssl/evp.h>

#include <algorithm>
#include <limits>

namespace sluice::kube {
namespace {

/// OpenSSL counts in int.
constexpr std::size_t kBytesMax = std::numeric_limits<int>::max() / 2;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
  bytes = bytes.substr(0, kBytesMax);
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // OpenSSL ends it with a zero
  const int size = EVP_EncodeBlock(bytes_of(out), bytes_of(bytes), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string packed(text.substr(0, kBytesMax));
  const auto is_blank = [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; };
  packed.erase(std::remove_if(packed.begin(), packed.end(), is_blank), packed.end());
  if (packed.size() % 4 != 0) return std::nullopt;
  const auto first_padding = packed.find('=');
  const std::size_t padding = first_padding == std::string::npos ? 0 : packed.size() - first_padding;
  if (padding > 2 || std::count(packed.begin(), packed.end(), '=') != static_cast<std::ptrdiff_t>(padding)) {
    return std::nullopt;
  }
  std::string out(packed.size() / 4 * 3, '\0');
  if (packed.empty()) return out;
  // Answers the size with the padding's bytes still counted, or -1 for a byte that is not of the alphabet.
  const int size = EVP_DecodeBlock(bytes_of(out), bytes_of(std::string_view(packed)), static_cast<int>(packed.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

}  // namespace sluice::kube
