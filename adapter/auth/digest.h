// The key under which a cache keeps what belongs to a secret or to a text of any length.
#pragma once

#include <string>
#include <string_view>

namespace sluice::adapter {

/// SHA-256 of `text`, 32 bytes.
std::string digest(std::string_view text);

}  // namespace sluice::adapter
