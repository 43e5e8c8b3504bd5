// The certificate that the adapter shows: from files that somebody else renews (a Secret, cert-manager), or one it
// makes and signs itself.
#pragma once

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/http/certificate.h"

namespace sluice::adapter {

class ServingCertificate {
 public:
  struct Options {
    std::string cert_file, key_file;  ///< Both, or neither.
    std::string dir;  ///< Without files: where the self-made pair is kept (apiserver.crt, apiserver.key).
    std::vector<std::string> names;  ///< DNS names of a self-made certificate.
  };

  /// Errors: kNotFound, kInvalid, kUnavailable with the file's name; one sentence.
  static Result<ServingCertificate> open(Options options, const Clock& clock);

  [[nodiscard]] const http::CertifiedKey& current() const { return current_; }
  /// Reads the files again (or makes a new pair, when little of the old one's time is left). True where current() has
  /// changed. Errors: as open(); current() stays.
  Result<bool> refresh();

 private:
  ServingCertificate(Options options, const Clock& clock) : options_(std::move(options)), clock_(&clock) {}
  Result<http::CertifiedKey> read() const;
  Result<http::CertifiedKey> make() const;

  Options options_;
  const Clock* clock_;
  http::CertifiedKey current_;
};

}  // namespace sluice::adapter
