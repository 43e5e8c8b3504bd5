#include "adapter/serving_certificate.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace sluice::adapter {
namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

http::CertifiedKey made(const std::string& name, WallTime now) {
  http::CertificateSpec spec;
  spec.common_name = name;
  spec.not_before = now;
  spec.not_after = now + std::chrono::hours(1);
  auto out = http::make_certificate(spec);
  REQUIRE(out.ok());
  return std::move(*out);
}

TEST_CASE("given files are read again when they change") {
  const Folder folder;
  const ManualClock clock;
  const auto first = made("first", clock.wall()), second = made("second", clock.wall());
  write(folder / "crt", first.cert_pem);
  write(folder / "key", first.key_pem);
  auto certificate = ServingCertificate::open({folder / "crt", folder / "key", "", {}}, clock);
  REQUIRE(certificate.ok());
  CHECK(certificate->current().cert_pem == first.cert_pem);
  CHECK(*certificate->refresh() == false);

  write(folder / "crt", second.cert_pem);
  write(folder / "key", second.key_pem);
  CHECK(*certificate->refresh() == true);
  CHECK(certificate->current().key_pem == second.key_pem);

  write(folder / "crt", "half");
  CHECK_FALSE(certificate->refresh().ok());
  CHECK(certificate->current().cert_pem == second.cert_pem);
}

TEST_CASE("files that are not there or not usable are an error that names them") {
  const Folder folder;
  const ManualClock clock;
  write(folder / "crt", "nonsense");
  write(folder / "empty", "");
  write(folder / "key", "key");
  struct Row {
    std::string cert, key;
    std::string said;
  };
  const Row rows[] = {{folder / "none", folder / "key", (folder / "none") + ": no such file"},
                      {folder / "crt", folder / "none", (folder / "none") + ": no such file"},
                      {folder / "empty", folder / "key", (folder / "empty") + ": empty or too large"},
                      {folder / "crt", folder / "key", (folder / "crt") + ": not a PEM certificate"},
                      {folder / "crt", "", "both or not at all"}};
  for (const Row& row : rows) {
    CAPTURE(row.said);
    const auto certificate = ServingCertificate::open({row.cert, row.key, "", {}}, clock);
    REQUIRE_FALSE(certificate.ok());
    CHECK(certificate.error().message.find(row.said) != std::string::npos);
  }
}

TEST_CASE("a self-made pair is kept in its folder until it is about to end") {
  const Folder folder;
  ManualClock clock;
  const ServingCertificate::Options options{"", "", folder / "a/b", {"adapter.sluice-system.svc"}};
  auto certificate = ServingCertificate::open(options, clock);
  REQUIRE_MESSAGE(certificate.ok(), (certificate.ok() ? "" : certificate.error().message));
  const std::string first = certificate->current().cert_pem;
  struct stat key {};
  REQUIRE(::stat((folder / "a/b/apiserver.key").c_str(), &key) == 0);
  CHECK((key.st_mode & 0777) == 0600);

  clock.advance(std::chrono::hours(24 * 300));
  CHECK(*certificate->refresh() == false);
  CHECK(ServingCertificate::open(options, clock)->current().cert_pem == first);
  clock.advance(std::chrono::hours(24 * 40));
  CHECK(*certificate->refresh() == true);
  CHECK(certificate->current().cert_pem != first);
  CHECK(ServingCertificate::open(options, clock)->current().cert_pem == certificate->current().cert_pem);
}

TEST_CASE("without files and folder the pair is in memory only") {
  ManualClock clock;
  auto certificate = ServingCertificate::open({}, clock);
  REQUIRE(certificate.ok());
  const std::string first = certificate->current().cert_pem;
  CHECK(*certificate->refresh() == false);
  clock.advance(std::chrono::hours(24 * 340));
  CHECK(*certificate->refresh() == true);
  CHECK(certificate->current().cert_pem != first);
}

}  // namespace
}  // namespace sluice::adapter
