// The path /topics: publish and subscribe, JSON text frames (docs/design/0001-main-job.md, "Gateway").
//   {"op":"subscribe","topic":T}  {"op":"unsubscribe","topic":T}  {"op":"publish","topic":T,"data":ANY}
// are answered {"ok":OP,"topic":T} or {"error":SENTENCE}; subscribers get {"topic":T,"data":ANY}, encoded once for all.
#pragma once

#include <cstddef>
#include <memory>

#include "gateway/protocols/protocol.h"

namespace sluice::gateway {

inline constexpr std::size_t kTopicNameBytesMax = 256;
inline constexpr std::size_t kSubscriptionsPerConnectionMax = 256;

std::unique_ptr<Protocol> make_topics(ProtocolHost& host);

}  // namespace sluice::gateway
