#include "common/base/ed25519_jwt.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/base/openssl_ptr.h"

namespace sluice {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTokenBytesMax = 4096;
constexpr std::size_t kSignatureBytes = 64;
constexpr Duration kClockSkew = 30s;
constexpr std::string_view kIssuer = "sluice-operator";

using KeyDeleter = OpensslDeleter<EVP_PKEY_free>;
using KeyPtr = std::shared_ptr<EVP_PKEY>;
using Context = OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

constexpr std::string_view kBase64Url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64url(std::string_view data) {
  std::string out;
  out.reserve((data.size() * 4 + 2) / 3);
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : data) {
    buffer = (buffer << 8) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) out += kBase64Url[(buffer >> (bits - 6)) & 63];
  }
  if (bits > 0) out += kBase64Url[(buffer << (6 - bits)) & 63];
  return out;
}

/// Nothing for a character outside the alphabet (padding included: RFC 7515 leaves it out).
std::optional<std::string> base64url_decode(std::string_view text) {
  std::string out;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const auto digit = kBase64Url.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    buffer = (buffer << 6) | static_cast<unsigned>(digit);
    if ((bits += 6) >= 8) {
      bits -= 8;
      out += static_cast<char>((buffer >> bits) & 255);
    }
  }
  // Left-over bits must be zero, or two texts would stand for one value.
  if (bits >= 6 || (buffer & ((1u << bits) - 1)) != 0) return std::nullopt;
  return out;
}

std::string public_pem_of(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), key);
  return text_of(bio.get());
}

std::string key_id_of(EVP_PKEY* key) {
  std::array<unsigned char, 32> raw{};
  std::size_t size = raw.size();
  EVP_PKEY_get_raw_public_key(key, raw.data(), &size);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(raw.data(), size, digest.data());
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < 8; ++i) {
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out;
}

std::int64_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

bool signature_fits(EVP_PKEY* key, std::string_view signed_part, std::string_view signature) {
  const Context context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(signed_part),
                          signed_part.size()) == 1;
}

/// The claims say who may use the token and when. Their texts are never echoed.
Status check_claims(const Json& claims, std::string_view audience, WallTime now) {
  const auto denied = [](const char* why) { return Error{ErrorCode::kDenied, why}; };
  if (!claims.is_object()) return denied("token: claims are not an object");
  const auto aud = claims.find("aud");
  if (aud == claims.end() || !aud->is_string() || aud->get_ref<const std::string&>() != audience) {
    return denied("token: meant for another pod");
  }
  const auto iss = claims.find("iss");
  if (iss == claims.end() || !iss->is_string() || iss->get_ref<const std::string&>() != kIssuer) {
    return denied("token: issued by somebody else");
  }
  const auto exp = claims.find("exp");
  const auto iat = claims.find("iat");
  if (exp == claims.end() || !exp->is_number_integer() || iat == claims.end() || !iat->is_number_integer()) {
    return denied("token: exp or iat is missing");
  }
  const auto skew = std::chrono::duration_cast<std::chrono::seconds>(kClockSkew).count();
  if (seconds_of(now) >= exp->get<std::int64_t>() + skew) return denied("token: expired");
  if (seconds_of(now) < iat->get<std::int64_t>() - skew) return denied("token: not valid yet");
  return {};
}

}  // namespace

struct SigningKey::Impl {
  KeyPtr key;
};

Result<SigningKey> SigningKey::generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) return Error{ErrorCode::kInternal, "cannot generate an Ed25519 key"};
  SigningKey made;
  made.impl_ = std::make_shared<Impl>(Impl{KeyPtr(key, KeyDeleter())});
  return made;
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  const Bio bio = bio_of(pem);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), KeyDeleter());
  if (key == nullptr) return Error{ErrorCode::kInvalid, "the signing key is no PEM private key"};
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    return Error{ErrorCode::kInvalid, "the signing key is not an Ed25519 key"};
  }
  SigningKey made;
  made.impl_ = std::make_shared<Impl>(Impl{key});
  return made;
}

std::string SigningKey::private_pem() const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  PEM_write_bio_PrivateKey(bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

std::string SigningKey::public_pem() const {
  return public_pem_of(impl_->key.get());
}
std::string SigningKey::id() const {
  return key_id_of(impl_->key.get());
}

std::string SigningKey::sign(std::string_view audience, WallTime now, Duration valid_for) const {
  const Json header = {{"alg", "EdDSA"}, {"typ", "JWT"}, {"kid", id()}};
  const Json claims = {{"iss", kIssuer},
                       {"aud", audience},
                       {"iat", seconds_of(now)},
                       {"exp", seconds_of(now) + std::chrono::ceil<std::chrono::seconds>(valid_for).count()}};
  const std::string signed_part = base64url(header.dump()) + "." + base64url(claims.dump());
  std::array<unsigned char, kSignatureBytes> signature{};
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, impl_->key.get());
  EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(signed_part), signed_part.size());
  return signed_part + "." + base64url({reinterpret_cast<const char*>(signature.data()), size});
}

struct VerificationKeys::Impl {
  std::vector<KeyPtr> keys;
};

Result<VerificationKeys> VerificationKeys::from_pems(const std::vector<std::string>& pems) {
  auto impl = std::make_shared<Impl>();
  for (std::size_t i = 0; i < pems.size(); ++i) {
    const Bio bio = bio_of(pems[i]);
    KeyPtr key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), KeyDeleter());
    if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
      return Error{ErrorCode::kInvalid, "public key " + std::to_string(i) + " is no Ed25519 key in PEM"};
    }
    impl->keys.push_back(std::move(key));
  }
  VerificationKeys made;
  made.impl_ = std::move(impl);
  return made;
}

bool VerificationKeys::empty() const {
  return impl_ == nullptr || impl_->keys.empty();
}

Status VerificationKeys::verify(std::string_view token, std::string_view audience, WallTime now) const {
  const auto denied = [](const char* why) { return Error{ErrorCode::kDenied, why}; };
  if (empty()) return denied("no public key is known yet");
  if (token.size() > kTokenBytesMax) return denied("token: too long");
  const auto first = token.find('.');
  const auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return denied("token: not three parts");
  }
  const auto header = base64url_decode(token.substr(0, first));
  const auto claims = base64url_decode(token.substr(first + 1, second - first - 1));
  const auto signature = base64url_decode(token.substr(second + 1));
  if (!header || !claims || !signature || signature->size() != kSignatureBytes) return denied("token: bad encoding");
  const Json parsed_header = Json::parse(*header, nullptr, false);
  if (!parsed_header.is_object() || !parsed_header.contains("alg") || parsed_header["alg"] != "EdDSA") {
    return denied("token: algorithm is not EdDSA");
  }
  for (const KeyPtr& key : impl_->keys) {
    if (signature_fits(key.get(), token.substr(0, second), *signature)) {
      return check_claims(Json::parse(*claims, nullptr, false), audience, now);
    }
  }
  return denied("token: signature does not fit any known key");
}

}  // namespace sluice
