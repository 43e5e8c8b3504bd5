// The path /echo: each message comes back as it is.
#pragma once

#include <memory>

#include "gateway/protocols/protocol.h"

namespace sluice::gateway {

std::unique_ptr<Protocol> make_echo(ProtocolHost& host);

}  // namespace sluice::gateway
