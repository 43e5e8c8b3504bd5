#include "common/kube/credentials.h"

#include <cerrno>
#include <fstream>

#include "common/base/log.h"
#include "common/base/text.h"

namespace sluice::kube {
namespace {

constexpr std::size_t kFileBytesMax = 1u << 20;

/// Replaces `kept` by the file's text where that can be read and differs; whether it did.
bool reread(const std::string& path, std::string& kept) {
  if (path.empty()) return false;
  Result<std::string> text = read_small_file(path);
  if (!text || text->empty()) {
    const std::string why = text ? "it is empty" : text.error().message;
    log_warn("credentials not read again, the known ones stay", {{"file", path}, {"error", why}});
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
  if (!read_at_ || now - *read_at_ >= config_.reread_interval) {
    read_at_ = now;
    read_token();
    if (read_tls()) out.new_tls = tls_;
  }
  out.token = token_;
  return out;
}

void Credentials::suspect() {
  const std::lock_guard lock(mutex_);
  read_at_.reset();
}

void Credentials::read_token() {
  std::string text = token_;
  if (reread(config_.token_file, text)) text = std::string(trim(text));
  if (!text.empty()) token_ = std::move(text);
}

bool Credentials::read_tls() {
  bool changed = reread(config_.ca_file, tls_.ca_pem);
  if (config_.cert_file.empty()) return changed;
  // Certificate and key are taken together: while they rotate one of them may be new already and the other old, and the
  // server's refusal or the next reading sets that right.
  changed = reread(config_.cert_file, tls_.cert_pem) || changed;
  changed = reread(config_.key_file, tls_.key_pem) || changed;
  return changed;
}

}  // namespace sluice::kube
