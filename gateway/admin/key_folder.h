// The folder of the admin API's public keys, a mounted ConfigMap: one *.pem file each.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace sluice::gateway {

inline constexpr std::size_t kKeyFilesMax = 16;
inline constexpr std::size_t kKeyFileBytesMax = std::size_t{16} * 1024;

struct KeyFile {
  std::string name;
  std::string pem;  ///< Empty where the file may not be read, or has gone while the folder was listed.
  bool operator==(const KeyFile&) const = default;
};

/// The folder's *.pem files in the order of their names; a ConfigMap's own "..data" entries are none. Errors:
/// kUnavailable (no descriptor or memory is left, the disk fails, the folder is not there): nothing is known then, and
/// least of all that keys were withdrawn.
Result<std::vector<KeyFile>> read_key_folder(const std::string& folder);

/// Passed in, so that a test can have it fail.
using ReadKeyFolder = std::function<Result<std::vector<KeyFile>>(const std::string& folder)>;

}  // namespace sluice::gateway
