// The part of a connection that an idle one does not have.
#pragma once

#include <string>

#include "gateway/connection.h"

namespace sluice::gateway {

/// Bytes that could not be used yet: of a request that is not complete (with the parser that scans it), or read before
/// back-pressure set in.
struct Connection::Cold {
  explicit Cold(const HttpRequestParser& request_parser) : parser(request_parser) {}
  HttpRequestParser parser;
  std::string held;
};

}  // namespace sluice::gateway
