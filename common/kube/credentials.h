// What authenticates a client, read again while it runs: bound service account tokens expire within the hour, and
// certificates and whole kubeconfigs rotate. Source: client-go transport/token_source.go, transport/cert_rotation.go.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/kube/config.h"
#include "common/kube/exec_authenticator.h"

namespace sluice::kube {

/// The text of a small file (a token, PEM), at most 1 MiB. Errors: kNotFound, kUnavailable (not readable), kInvalid
/// (too large); each names the path.
Result<std::string> read_small_file(const std::string& path);

/// Threads: any.
class Credentials {
 public:
  explicit Credentials(const Config& config, const Clock& clock = kSystemClock);
  ~Credentials();
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  struct Current {
    std::string token;                          ///< A secret; empty where certificates authenticate.
    std::optional<http::TlsOptions> new_tls{};  ///< Set where it has changed since the last call.
    std::uint64_t generation = 0;               ///< Of a plugin's answer; for suspect().
  };
  /// Kubeconfig and files are read where `config.reread_interval` has passed since they were last. A moment in a
  /// rotation must not log us out: what cannot be read or is empty, roots that are no certificates, and a certificate
  /// and a key that do not belong together leave what was known before, and all but an absent or empty file are looked
  /// at again a second later. Where nothing else authenticates a plugin is asked, and waited for `at_most`; that alone
  /// fails: kUnavailable.
  Result<Current> current(SteadyTime now, Duration at_most = Duration(60'000));
  /// What we have was refused, by the server or by our own TLS library: the files are to be read at the next call, and
  /// the plugin is to be asked again unless its answer has become newer than `generation`.
  void suspect(std::uint64_t generation = 0);
  /// No plugin is waited for, now and from now on.
  void shut_down();

 private:
  enum class Reading { kSame, kNew, kUnfit };
  Reading reload_kubeconfig() REQUIRES(mutex_);
  void read_token() REQUIRES(mutex_);
  Reading read_roots() REQUIRES(mutex_);
  Reading read_identity() REQUIRES(mutex_);
  void read_all(SteadyTime now) REQUIRES(mutex_);
  Reading take_identity(const std::string& from, std::string cert_pem, std::string key_pem) REQUIRES(mutex_);
  void set_plugin() REQUIRES(mutex_);

  const Clock& clock_;
  Mutex mutex_;
  Config config_ GUARDED_BY(mutex_);  // its server and impersonation are those of the start
  std::string token_ GUARDED_BY(mutex_);
  http::TlsOptions tls_ GUARDED_BY(mutex_);
  bool tls_changed_ GUARDED_BY(mutex_) = false;
  SteadyTime read_next_ GUARDED_BY(mutex_) = SteadyTime::min();
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<ExecAuthenticator> plugin_ GUARDED_BY(mutex_);  // null where none is needed
  std::uint64_t plugin_generation_ GUARDED_BY(mutex_) = 0;        // whose certificate tls_ has
};

}  // namespace sluice::kube
