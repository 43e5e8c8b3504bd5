#include "gateway/tasks/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <vector>

#include "common/base/openssl_ptr.h"

namespace sluice::gateway {
namespace {

constexpr std::uint64_t kMultiplier = 2654435761;
constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;
constexpr std::size_t kPiecesPerMegabyte = (std::size_t{1024} * 1024) / kPieceBytes;

void fill(std::vector<unsigned char>& piece, std::uint64_t offset) {
  // A product a byte, not a running sum: the compiler can do several at once.
  for (std::size_t i = 0; i < piece.size(); ++i)
    piece[i] = static_cast<unsigned char>((offset + i) * kMultiplier >> 24);
}

std::string hex(const unsigned char* bytes, unsigned count) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace

Result<std::string> digest_megabytes(int megabytes, const std::atomic<bool>& stopping) {
  const OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    return Error{ErrorCode::kInternal, "SHA-256 is not available"};
  }
  std::vector<unsigned char> piece(kPieceBytes);
  const auto pieces = static_cast<std::uint64_t>(megabytes) * kPiecesPerMegabyte;
  for (std::uint64_t i = 0; i < pieces; ++i) {
    if (stopping.load(std::memory_order_relaxed)) return Error{ErrorCode::kUnavailable, "the gateway is stopping"};
    fill(piece, i * kPieceBytes);
    if (EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1) {
      return Error{ErrorCode::kInternal, "SHA-256 failed"};
    }
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned digest_bytes = 0;
  if (EVP_DigestFinal_ex(context.get(), digest.data(), &digest_bytes) != 1) {
    return Error{ErrorCode::kInternal, "SHA-256 failed"};
  }
  return hex(digest.data(), digest_bytes);
}

}  // namespace sluice::gateway
