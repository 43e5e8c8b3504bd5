#include "adapter/auth/certificate_trust.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "common/base/openssl_ptr.h"
#include "common/http/certificate.h"

namespace sluice::adapter {
namespace {

void free_stack(STACK_OF(X509) * stack) {
  sk_X509_pop_free(stack, X509_free);
}
using Certificate = OpensslPtr<X509, X509_free>;
using Store = OpensslPtr<X509_STORE, X509_STORE_free>;
using StoreContext = OpensslPtr<X509_STORE_CTX, X509_STORE_CTX_free>;
using Stack = OpensslPtr<STACK_OF(X509), free_stack>;

constexpr std::size_t kChainMax = 10;

Certificate from_der(const std::string& der) {
  const auto* data = reinterpret_cast<const unsigned char*>(der.data());
  return Certificate(d2i_X509(nullptr, &data, static_cast<long>(der.size())));
}

std::string text_of(const ASN1_STRING* value) {
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, value);
  if (size < 0) return {};
  std::string out(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return out;
}

std::vector<std::string> entries(const X509* certificate, int nid) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  std::vector<std::string> out;
  for (int at = X509_NAME_get_index_by_NID(subject, nid, -1); at >= 0;
       at = X509_NAME_get_index_by_NID(subject, nid, at)) {
    out.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  }
  return out;
}

// X509_V_OK, or why not.
int verify_with(X509_STORE* store, X509* leaf, STACK_OF(X509) * others, WallTime now) {
  const StoreContext context(X509_STORE_CTX_new());
  if (context == nullptr || X509_STORE_CTX_init(context.get(), store, leaf, others) != 1) return X509_V_ERR_UNSPECIFIED;
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, std::chrono::system_clock::to_time_t(now));
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT);
  const bool good = X509_verify_cert(context.get()) == 1;
  ERR_clear_error();
  const int error = X509_STORE_CTX_get_error(context.get());
  if (good) return X509_V_OK;
  return error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;  // a failure never reads as success
}

CertificateName name_of(const X509* certificate) {
  CertificateName out;
  const std::vector<std::string> names = entries(certificate, NID_commonName);
  if (!names.empty()) out.common_name = names.back();
  out.organizations = entries(certificate, NID_organizationName);
  return out;
}

}  // namespace

struct CertificateTrust::Impl {
  // One store a CA: of two CAs with one name (a rotation) OpenSSL would only ever try the first.
  std::vector<Store> stores;
};

Result<CertificateTrust> CertificateTrust::from_pem(const std::string& ca_bundle) {
  if (ca_bundle.empty()) return CertificateTrust();
  const auto ders = http::pem_to_der(ca_bundle);
  if (!ders) return ders.error();
  auto impl = std::make_shared<Impl>();
  for (const std::string& der : *ders) {
    const Certificate ca = from_der(der);
    Store store(X509_STORE_new());
    if (ca == nullptr || store == nullptr || X509_STORE_add_cert(store.get(), ca.get()) != 1) {
      ERR_clear_error();
      return Error{ErrorCode::kInvalid, "a CA certificate cannot be used"};
    }
    // What is in the bundle is trusted, whether it signed itself or not: as Go's verifier has it.
    X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
    impl->stores.push_back(std::move(store));
  }
  CertificateTrust out;
  out.impl_ = std::move(impl);
  return out;
}

Result<CertificateName> CertificateTrust::verify(const std::vector<std::string>& chain_der, WallTime now) const {
  if (empty() || chain_der.empty()) return Error{ErrorCode::kDenied, "no certificate, or no CA to check it with"};
  if (chain_der.size() > kChainMax) return Error{ErrorCode::kDenied, "the certificate chain is too long"};
  const Certificate leaf = from_der(chain_der.front());
  const Stack others(sk_X509_new_null());
  bool readable = leaf != nullptr && others != nullptr;
  for (std::size_t i = 1; readable && i < chain_der.size(); ++i) {
    Certificate other = from_der(chain_der[i]);
    readable = other != nullptr && sk_X509_push(others.get(), other.get()) > 0;
    if (readable) static_cast<void>(other.release());  // the stack owns it now
  }
  ERR_clear_error();
  if (!readable) return Error{ErrorCode::kDenied, "the certificate cannot be read"};

  int verdict = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
  for (const Store& store : impl_->stores) {
    const int result = verify_with(store.get(), leaf.get(), others.get(), now);
    // The reason of the CA that did sign it tells more than "unknown issuer" of the others.
    if (result != X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY) verdict = result;
    if (result == X509_V_OK) return name_of(leaf.get());
  }
  return Error{ErrorCode::kDenied,
               std::string("the client's certificate is not valid: ") + X509_verify_cert_error_string(verdict)};
}

}  // namespace sluice::adapter
