// Standard base64 with padding (RFC 4648, section 4): how kubeconfigs and Secrets carry bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::kube {

std::string base64_encode(std::string_view bytes);
/// Line breaks and blanks inside are skipped. Nothing for any other byte, a wrong length or wrong padding.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace sluice::kube
