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
  /// The files are read where `config.reread_interval` has passed since they were last. A file that cannot be read, or
  /// is empty, leaves what was known before: a moment in a rotation must not log us out.
  Current current(SteadyTime now);
  /// The server has refused us: what the files say is to be read at the next call.
  void suspect();

 private:
  void read_token();
  bool read_tls();

  const Config config_;
  std::mutex mutex_;
  std::string token_;
  http::TlsOptions tls_;
  std::optional<SteadyTime> read_at_;
};

}  // namespace sluice::kube
