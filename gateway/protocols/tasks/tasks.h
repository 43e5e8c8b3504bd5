// The path /tasks: requests that cost CPU, JSON text frames (docs/design/0001-main-job.md, "Gateway").
//   {"id":N,"digest":{"megabytes":M}}
// is answered, in the order of completion, {"id":N,"sha256":HEX,"megabytes":M,"queuedMs":Q,"ranMs":R} or
// {"id":N,"error":SENTENCE}; {"error":SENTENCE} where no id could be read.
#pragma once

#include <memory>

#include "gateway/protocols/protocol.h"

namespace sluice::gateway {

std::unique_ptr<Protocol> make_tasks(ProtocolHost& host);

}  // namespace sluice::gateway
