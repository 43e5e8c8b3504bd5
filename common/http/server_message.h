// The texts of the server's protocol.
#pragma once

#include <string>
#include <string_view>

#include "common/http/server.h"

namespace sluice::http {

/// ASCII only, as names of header fields are.
std::string lower_case(std::string_view text);

/// Status line and headers up to the empty line (RFC 9112 section 4). What a handler set cannot end the head.
std::string response_head(const ServerResponse& response, bool keep_alive);

}  // namespace sluice::http
