// The first request that costs CPU: SHA-256 over data that any client can make itself, so that it can check the answer.
#pragma once

#include <atomic>
#include <string>

#include "common/base/result.h"

namespace sluice::gateway {

/// SHA-256, in lower-case hex, of `megabytes` * 2^20 bytes, the byte at offset i being (i * 2654435761) >> 24 in 64-bit
/// arithmetic, low 8 bits. Errors: kUnavailable (`stopping` turned true), kInternal (OpenSSL). Threads: any.
Result<std::string> digest_megabytes(int megabytes, const std::atomic<bool>& stopping);

}  // namespace sluice::gateway
