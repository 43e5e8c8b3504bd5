#include "common/kube/credentials.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

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

Credentials::Credentials(const Config& config, const Clock& clock)
    : clock_(clock), config_(config), token_(config.token), tls_(config.tls) {
  const MutexLock lock(mutex_);
  set_plugin();
}

Credentials::~Credentials() = default;

void Credentials::set_plugin() {
  plugin_ = config_.exec ? std::make_shared<ExecAuthenticator>(run_plugin(*config_.exec, config_), clock_) : nullptr;
  plugin_generation_ = 0;
}

Result<Credentials::Current> Credentials::current(SteadyTime now, Duration at_most) {
  Current out;
  std::shared_ptr<ExecAuthenticator> plugin;
  {
    const MutexLock lock(mutex_);
    if (now >= read_next_) read_all(now);
    plugin = plugin_;
    out.token = token_;
    if (!plugin && std::exchange(tls_changed_, false)) out.new_tls = tls_;
  }
  if (!plugin) return out;
  Result<ExecAuthenticator::Held> held = plugin->get(at_most);  // may wait, so without the mutex
  if (!held) return held.error();
  out.token = held->credential->token;
  out.generation = held->generation;
  const MutexLock lock(mutex_);
  if (plugin == plugin_ && held->generation > plugin_generation_) {
    plugin_generation_ = held->generation;
    tls_changed_ = tls_changed_ || tls_.cert_pem != held->credential->cert_pem;
    tls_.cert_pem = held->credential->cert_pem;
    tls_.key_pem = held->credential->key_pem;
  }
  if (std::exchange(tls_changed_, false)) out.new_tls = tls_;
  return out;
}

void Credentials::suspect(std::uint64_t generation) {
  const MutexLock lock(mutex_);
  read_next_ = SteadyTime::min();
  if (plugin_) plugin_->refused(generation);
}

void Credentials::shut_down() {
  const MutexLock lock(mutex_);
  stopping_ = true;
  if (plugin_) plugin_->shut_down();
}

void Credentials::read_all(SteadyTime now) {
  const Reading kubeconfig = reload_kubeconfig();
  read_token();
  const Reading roots = read_roots();
  const Reading identity = read_identity();
  tls_changed_ = tls_changed_ || kubeconfig == Reading::kNew || roots == Reading::kNew || identity == Reading::kNew;
  const bool unfit = kubeconfig == Reading::kUnfit || roots == Reading::kUnfit || identity == Reading::kUnfit;
  read_next_ = now + (unfit ? std::min(kRereadSoon, config_.reread_interval) : config_.reread_interval);
}

/// The kubeconfig as it is now takes the place of the one we had, as far as it is about who we are and whom we trust:
/// `aws eks update-kubeconfig`, a mounted Secret and kubeadm's renewals write the credentials into it.
Credentials::Reading Credentials::reload_kubeconfig() {
  if (!config_.reload) return Reading::kSame;
  Result<std::optional<Config>> read = config_.reload();
  if (!read) {
    warn("kubeconfig", read.error().message);
    return Reading::kUnfit;
  }
  std::optional<Config>& fresh = *read;
  if (!fresh) return Reading::kSame;
  if (fresh->server != config_.server) {
    warn("kubeconfig", "it names another server now, which only a restart follows");
    return Reading::kSame;
  }
  if (fresh->token != config_.token || fresh->token_file != config_.token_file) token_ = fresh->token;
  config_.token = fresh->token;
  config_.token_file = fresh->token_file;
  config_.ca_file = fresh->ca_file;
  config_.cert_file = fresh->cert_file;
  config_.key_file = fresh->key_file;
  if (fresh->exec != config_.exec) {
    config_.exec = fresh->exec;
    set_plugin();
    if (plugin_ && stopping_) plugin_->shut_down();
  }
  Reading reading = Reading::kSame;
  if (fresh->ca_file.empty() && fresh->tls.ca_pem != tls_.ca_pem) {
    if (!fresh->tls.ca_pem.empty() && !holds_certificates(fresh->tls.ca_pem)) {
      warn("kubeconfig", "its certificate-authority-data is no whole list of PEM certificates");
      return Reading::kUnfit;
    }
    tls_.ca_pem = fresh->tls.ca_pem;
    reading = Reading::kNew;
  }
  if (fresh->cert_file.empty() && fresh->key_file.empty() && !config_.exec) {
    const Reading identity = take_identity("kubeconfig", fresh->tls.cert_pem, fresh->tls.key_pem);
    if (identity == Reading::kUnfit) return identity;  // and looked at again: what we know it by stays
    if (identity == Reading::kNew) reading = identity;
  }
  config_.reload = std::move(fresh->reload);
  return reading;
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
  return take_identity(config_.cert_file, std::move(cert_pem), std::move(key_pem));
}

Credentials::Reading Credentials::take_identity(const std::string& from, std::string cert_pem, std::string key_pem) {
  if (cert_pem == tls_.cert_pem && key_pem == tls_.key_pem) return Reading::kSame;
  const bool none = cert_pem.empty() && key_pem.empty();
  if (!none && (!holds_certificates(cert_pem) || !key_fits(cert_pem, key_pem))) {
    warn(from, "certificate and key are not whole or do not belong together");
    return Reading::kUnfit;
  }
  tls_.cert_pem = std::move(cert_pem);
  tls_.key_pem = std::move(key_pem);
  return Reading::kNew;
}

}  // namespace sluice::kube
