#include "common/http/certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "common/base/openssl_ptr.h"

namespace sluice::http {
namespace {

using Key = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;
using Certificate = OpensslPtr<X509, X509_free>;
using Extension = OpensslPtr<X509_EXTENSION, X509_EXTENSION_free>;

Certificate read_certificate(BIO* bio) {
  return Certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr));
}

bool add_name(X509_NAME* name, const char* field, const std::string& value) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509V3_CTX* context, int nid, const std::string& value) {
  if (value.empty()) return true;
  const Extension extension(X509V3_EXT_conf_nid(nullptr, context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::string alternative_names(const CertificateSpec& spec) {
  std::string out;
  for (const std::string& name : spec.dns_names) out += (out.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& address : spec.ip_addresses) out += (out.empty() ? "IP:" : ",IP:") + address;
  return out;
}

std::string extended_usage(const CertificateSpec& spec) {
  if (spec.ca) return {};
  std::string out = spec.for_client ? "clientAuth" : "";
  if (spec.for_server) out += out.empty() ? "serverAuth" : ",serverAuth";
  return out;
}

// The serial is random (RFC 5280 section 4.1.2.2 asks for uniqueness per issuer, and nobody keeps a counter here).
bool set_serial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] &= 0x7f;
  const OpensslPtr<BIGNUM, BN_free> number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  return number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_validity(X509* certificate, const CertificateSpec& spec) {
  const std::time_t from = std::chrono::system_clock::to_time_t(spec.not_before);
  const std::time_t to = std::chrono::system_clock::to_time_t(spec.not_after);
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), to) != nullptr;
}

bool set_extensions(X509* certificate, X509* issuer, const CertificateSpec& spec) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  return add_extension(certificate, &context, NID_basic_constraints, spec.ca ? "critical,CA:TRUE" : "CA:FALSE") &&
         add_extension(certificate, &context, NID_key_usage,
                       spec.ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
         add_extension(certificate, &context, NID_ext_key_usage, extended_usage(spec)) &&
         add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
         add_extension(certificate, &context, NID_authority_key_identifier, issuer == certificate ? "" : "keyid") &&
         add_extension(certificate, &context, NID_subject_alt_name, alternative_names(spec));
}

}  // namespace

Result<CertifiedKey> make_certificate(const CertificateSpec& spec, const CertifiedKey* issuer) {
  const Error failed{ErrorCode::kInternal, "cannot make the certificate of " + spec.common_name};
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (key == nullptr || certificate == nullptr) return failed;

  Certificate issuer_certificate;
  Key issuer_key;
  if (issuer != nullptr) {
    issuer_certificate = read_certificate(bio_of(issuer->cert_pem).get());
    issuer_key.reset(PEM_read_bio_PrivateKey(bio_of(issuer->key_pem).get(), nullptr, nullptr, nullptr));
    if (issuer_certificate == nullptr || issuer_key == nullptr) {
      return Error{ErrorCode::kInvalid, "the issuer's certificate or key cannot be read"};
    }
  }
  X509* const signer = issuer_certificate != nullptr ? issuer_certificate.get() : certificate.get();

  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  for (const std::string& organization : spec.organizations) {
    if (!add_name(subject, "O", organization)) return failed;
  }
  if (!spec.common_name.empty() && !add_name(subject, "CN", spec.common_name)) return failed;
  if (X509_set_version(certificate.get(), X509_VERSION_3) != 1 || !set_serial(certificate.get()) ||
      !set_validity(certificate.get(), spec) || X509_set_pubkey(certificate.get(), key.get()) != 1 ||
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer)) != 1) {
    return failed;
  }
  if (!set_extensions(certificate.get(), signer, spec)) {
    return Error{ErrorCode::kInvalid, "a name of the certificate of " + spec.common_name + " is not valid"};
  }
  if (X509_sign(certificate.get(), issuer_key != nullptr ? issuer_key.get() : key.get(), EVP_sha256()) == 0) {
    return failed;
  }

  const Bio cert_out(BIO_new(BIO_s_mem()));
  const Bio key_out(BIO_new(BIO_s_secmem()));
  if (cert_out == nullptr || key_out == nullptr || PEM_write_bio_X509(cert_out.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed;
  }
  return CertifiedKey{text_of(cert_out.get()), text_of(key_out.get())};
}

Result<WallTime> certificate_end(const std::string& cert_pem) {
  const Certificate certificate = read_certificate(bio_of(cert_pem).get());
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    return Error{ErrorCode::kInvalid, "not a PEM certificate"};
  }
  return WallTime(std::chrono::seconds(timegm(&end)));
}

Result<std::vector<std::string>> pem_to_der(const std::string& pem) {
  std::vector<std::string> out;
  const Bio bio = bio_of(pem);
  while (const Certificate certificate = read_certificate(bio.get())) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    if (size <= 0) return Error{ErrorCode::kInvalid, "a certificate cannot be encoded"};
    out.emplace_back(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
  }
  if (!at_end_of_pem()) return Error{ErrorCode::kInvalid, "a PEM certificate is broken"};
  if (out.empty()) return Error{ErrorCode::kInvalid, "no PEM certificate"};
  return out;
}

}  // namespace sluice::http
