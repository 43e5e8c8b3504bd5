#include <array>

#include "gateway/protocols/echo/echo.h"
#include "gateway/protocols/protocol.h"
#include "gateway/protocols/tasks/tasks.h"
#include "gateway/protocols/topics/topics.h"

namespace sluice::gateway {

std::span<const ProtocolEntry> protocol_table() {
  static constexpr std::array<ProtocolEntry, 3> kTable = {{
      {"/echo", make_echo},
      {"/topics", make_topics},
      {"/tasks", make_tasks},
  }};
  return kTable;
}

}  // namespace sluice::gateway
