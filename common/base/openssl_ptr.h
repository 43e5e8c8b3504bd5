// Owners of OpenSSL's objects, and the little that all readers of PEM texts share. Each file includes the OpenSSL
// headers of what it names: they stay out of headers.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <string_view>

namespace sluice {

/// Frees by `Free`, a function of OpenSSL: OpensslPtr<X509, X509_free>.
template <auto Free>
struct OpensslDeleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using OpensslPtr = std::unique_ptr<T, OpensslDeleter<Free>>;

struct BioDeleter {
  void operator()(BIO* bio) const;
};
using Bio = std::unique_ptr<BIO, BioDeleter>;

/// Reads from `text`, which outlives it.
Bio bio_of(std::string_view text);
/// What was written into a memory BIO.
std::string text_of(BIO* bio);

/// After a reader of PEM blocks has answered null: whether the text was at its end, where no further block begins. Else
/// the block that does begin is damaged. Empties OpenSSL's queue of errors.
bool at_end_of_pem();

}  // namespace sluice
