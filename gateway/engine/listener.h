// A listening TCP socket with the options that accepted sockets inherit. For backends, whatever they watch it with.
#pragma once

#include "common/base/result.h"
#include "gateway/engine/address.h"
#include "gateway/engine/io.h"

namespace sluice::gateway {

/// Unsent bytes that the kernel takes from us: what a slow reader costs beyond our own send queue.
inline constexpr int kUnsentBytesMax = 128 * 1024;

/// A descriptor that listens, non-blocking; the caller owns it. Errors: kUnavailable with the address and the reason.
Result<int> open_listener(const SocketAddress& address, const ListenOptions& options);
/// What went wrong at `step`, by errno.
[[nodiscard]] Error listen_error(const SocketAddress& address, const char* step);

}  // namespace sluice::gateway
