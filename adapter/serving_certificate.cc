#include "adapter/serving_certificate.h"

#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sluice::adapter {
namespace {

constexpr std::chrono::hours kSelfMadeLifetime{24 * 365};
constexpr std::chrono::hours kRenewBefore{24 * 30};
constexpr std::size_t kFileBytesMax = 1u << 20;

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{ErrorCode::kNotFound, path + ": no such file, or not readable"};
  std::string out(kFileBytesMax, '\0');
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(in.gcount()));
  if (out.empty() || out.size() == kFileBytesMax) return Error{ErrorCode::kInvalid, path + ": empty or too large"};
  return out;
}

// Under another name first, so that nobody reads half a file.
Status write_file(const std::string& path, const std::string& text, mode_t mode) {
  const std::string fresh = path + ".new";
  const mode_t before = ::umask(0777 & ~mode);
  std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  ::umask(before);
  if (out.fail() || std::rename(fresh.c_str(), path.c_str()) != 0) {
    return Error{ErrorCode::kUnavailable, path + ": cannot be written"};
  }
  return {};
}

}  // namespace

Result<ServingCertificate> ServingCertificate::open(Options options, const Clock& clock) {
  if (options.cert_file.empty() != options.key_file.empty()) {
    return Error{ErrorCode::kInvalid, "--tls-cert-file and --tls-private-key-file are given both or not at all"};
  }
  if (options.cert_file.empty() && !options.dir.empty()) {
    std::error_code bad;
    std::filesystem::create_directories(options.dir, bad);
    if (bad) return Error{ErrorCode::kUnavailable, options.dir + ": " + bad.message()};
  }
  ServingCertificate out(std::move(options), clock);
  const auto changed = out.refresh();
  if (!changed) return changed.error();
  return out;
}

Result<http::CertifiedKey> ServingCertificate::read() const {
  const bool given = !options_.cert_file.empty();
  const auto cert = read_file(given ? options_.cert_file : options_.dir + "/apiserver.crt");
  if (!cert) return cert.error();
  const auto key = read_file(given ? options_.key_file : options_.dir + "/apiserver.key");
  if (!key) return key.error();
  const auto end = http::certificate_end(*cert);
  if (!end) return end.error().in(given ? options_.cert_file : options_.dir + "/apiserver.crt");
  // A given certificate is served even when it has ended: whoever renews it is told by its users, and swaps it.
  if (!given && *end - kRenewBefore < clock_->wall()) return Error{ErrorCode::kExpired, "ends soon"};
  return http::CertifiedKey{*cert, *key};
}

Result<http::CertifiedKey> ServingCertificate::make() const {
  http::CertificateSpec spec;
  spec.common_name = "sluice-adapter";
  spec.dns_names = options_.names;
  spec.dns_names.emplace_back("localhost");
  spec.ip_addresses = {"127.0.0.1"};
  spec.for_client = false;
  spec.not_before = clock_->wall() - std::chrono::hours(1);  // clocks of nodes differ
  spec.not_after = clock_->wall() + kSelfMadeLifetime;
  auto made = http::make_certificate(spec);
  if (!made || options_.dir.empty()) return made;
  if (Status bad = write_file(options_.dir + "/apiserver.key", made->key_pem, 0600); !bad) return bad.error();
  if (Status bad = write_file(options_.dir + "/apiserver.crt", made->cert_pem, 0644); !bad) return bad.error();
  return made;
}

Result<bool> ServingCertificate::refresh() {
  const bool given = !options_.cert_file.empty();
  Result<http::CertifiedKey> found = Error{ErrorCode::kNotFound, "none yet"};
  if (given || !options_.dir.empty()) {
    found = read();
  } else if (!current_.cert_pem.empty()) {
    const auto end = http::certificate_end(current_.cert_pem);
    if (end && *end - kRenewBefore >= clock_->wall()) return false;
  }
  if (!found && given) return found.error();
  if (!found) found = make();
  if (!found) return found.error();
  const bool changed = found->cert_pem != current_.cert_pem || found->key_pem != current_.key_pem;
  current_ = std::move(*found);
  return changed;
}

}  // namespace sluice::adapter
