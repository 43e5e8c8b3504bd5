#include "common/kube/pem_check.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/base/openssl_ptr.h"

namespace sluice::kube {
namespace {

using Certificate = OpensslPtr<X509, X509_free>;
using Key = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;

/// The next certificate, "TRUSTED CERTIFICATE" included; null at the end or where it is damaged.
Certificate next_certificate(BIO* bio) {
  return Certificate(PEM_read_bio_X509_AUX(bio, nullptr, nullptr, nullptr));
}

/// OpenSSL would ask at the terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

}  // namespace

bool holds_certificates(const std::string& pem) {
  const Bio bio = bio_of(pem);
  int count = 0;
  while (next_certificate(bio.get()) != nullptr) ++count;
  return at_end_of_pem() && count > 0;
}

bool key_fits(const std::string& cert_pem, const std::string& key_pem) {
  const Certificate certificate = next_certificate(bio_of(cert_pem).get());
  const Key key(PEM_read_bio_PrivateKey(bio_of(key_pem).get(), nullptr, no_password, nullptr));
  const bool fits =
      certificate != nullptr && key != nullptr && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return fits;
}

}  // namespace sluice::kube
