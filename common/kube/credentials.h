// What authenticates a client, read again from its files while it runs: bound service account tokens expire within the
// hour and certificates rotate. Source: client-go transport/token_source.go, transport/cert_rotation.go.
#pragma once

#include <mutex>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/kube/config.h"

namespace sluice::kube {

/// The text of a small file (a token, PEM), at most 1 MiB. Errors: kNotFound, kUnavailable (not readable), kInvalid
/// (too large); each names the path.
Result<std::string> read_small_file(const std::string& path);

/// Threads: any.
class Credentials {
 public:
  explicit Credentials(const Config& config);

  struct Current {
    std::string token;                          ///< A secret; empty where certificates authenticate.
    std::optional<http::TlsOptions> new_tls{};  ///< Set where it has changed since the last call.
  };
  /// The files are read where `config.reread_interval` has passed since they were last. A moment in a rotation must not
  /// log us out: a file that cannot be read or is empty, roots that are no certificates, and a certificate and a key
  /// that do not belong together leave what was known before. Of these the last two are read again a second later.
  Current current(SteadyTime now);
  /// What we have was refused, by the server or by our own TLS library: the files are to be read at the next call.
  void suspect();

 private:
  enum class Reading { kSame, kNew, kUnfit };
  void read_token();
  Reading read_roots();
  Reading read_identity();

  const Config config_;
  std::mutex mutex_;
  std::string token_;
  http::TlsOptions tls_;
  SteadyTime read_next_ = SteadyTime::min();
};

}  // namespace sluice::kube
