// Whether PEM texts are whole: what a file says while it is being written is not.
#pragma once

#include <string>

namespace sluice::kube {

/// Whether `pem` has certificates and none of them is damaged, as libcurl wants its roots.
bool holds_certificates(const std::string& pem);
/// Whether `key_pem` is the private key of the first certificate of `cert_pem`.
bool key_fits(const std::string& cert_pem, const std::string& key_pem);

}  // namespace sluice::kube
