#include "gateway/protocols/echo/echo.h"

#include "gateway/websocket/frame.h"

namespace sluice::gateway {
namespace {

class Echo final : public Protocol {
 public:
  void on_message(Session session, const Message& message) override {
    session.reply(make_frame(message.text ? Opcode::kText : Opcode::kBinary, message.payload));
  }
};

}  // namespace

std::unique_ptr<Protocol> make_echo(ProtocolHost&) {
  return std::make_unique<Echo>();
}

}  // namespace sluice::gateway
