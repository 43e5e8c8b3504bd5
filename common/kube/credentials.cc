#include "common/kube/credentials.h"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/kube/pem_check.h"

namespace sluice::kube {
namespace {

constexpr std::size_t kFileBytesMax = 1u << 20;
/// When to look again at files that are half of a rotation.
constexpr Duration kRereadSoon{1'000};

void warn(const std::string& path, const std::string& why) {
  log_warn("credentials not taken from their file, the known ones stay", {{"file", path}, {"error", why}});
}

/// Replaces `kept` by the file's text where that can be read and differs; whether it did.
bool reread(const std::string& path, std::string& kept) {
  if (path.empty()) return false;
  Result<std::string> text = read_small_file(path);
  if (!text || text->empty()) {
    warn(path, text ? "it is empty" : text.error().message);
    return false;
  }
  if (*text == kept) return false;
  kept = std::move(*text);
  return true;
}

}  // namespace

Result<std::string> read_small_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error{errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable, path + ": cannot be opened"};
  }
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) return Error{ErrorCode::kUnavailable, path + ": cannot be read"};
  const auto size = static_cast<std::size_t>(file.gcount());
  if (size > kFileBytesMax) return Error{ErrorCode::kInvalid, path + ": is larger than 1 MiB"};
  text.resize(size);
  text.shrink_to_fit();
  return text;
}

Credentials::Credentials(const Config& config) : config_(config), token_(config.token), tls_(config.tls) {}

Credentials::Current Credentials::current(SteadyTime now) {
  const std::lock_guard lock(mutex_);
  Current out;
  if (now >= read_next_) {
    read_token();
    const Reading roots = read_roots();
    const Reading identity = read_identity();
    if (roots == Reading::kNew || identity == Reading::kNew) out.new_tls = tls_;
    const bool unfit = roots == Reading::kUnfit || identity == Reading::kUnfit;
    read_next_ = now + (unfit ? std::min(kRereadSoon, config_.reread_interval) : config_.reread_interval);
  }
  out.token = token_;
  return out;
}

void Credentials::suspect() {
  const std::lock_guard lock(mutex_);
  read_next_ = SteadyTime::min();
}

void Credentials::read_token() {
  std::string text = token_;
  if (reread(config_.token_file, text)) text = std::string(trim(text));
  if (!text.empty()) token_ = std::move(text);
}

Credentials::Reading Credentials::read_roots() {
  std::string pem = tls_.ca_pem;
  if (!reread(config_.ca_file, pem)) return Reading::kSame;
  if (!holds_certificates(pem)) {
    warn(config_.ca_file, "it is no whole list of PEM certificates");
    return Reading::kUnfit;
  }
  tls_.ca_pem = std::move(pem);
  return Reading::kNew;
}

/// Certificate and key are taken together: they are two files, and while they rotate one is new already and the other
/// still old. With such a pair not one call would leave this process.
Credentials::Reading Credentials::read_identity() {
  std::string cert_pem = tls_.cert_pem;
  std::string key_pem = tls_.key_pem;
  const bool new_cert = reread(config_.cert_file, cert_pem);
  const bool new_key = reread(config_.key_file, key_pem);
  if (!new_cert && !new_key) return Reading::kSame;
  if (!holds_certificates(cert_pem) || !key_fits(cert_pem, key_pem)) {
    warn(config_.cert_file, "certificate and key are not whole or do not belong together");
    return Reading::kUnfit;
  }
  tls_.cert_pem = std::move(cert_pem);
  tls_.key_pem = std::move(key_pem);
  return Reading::kNew;
}

}  // namespace sluice::kube
