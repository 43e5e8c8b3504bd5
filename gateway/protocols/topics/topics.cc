#include "gateway/protocols/topics/topics.h"

#include <nlohmann/json.hpp>
#include <string>

#include "gateway/config.h"
#include "gateway/protocols/json_text.h"
#include "gateway/protocols/topics/subscriptions.h"
#include "gateway/websocket/frame.h"

namespace sluice::gateway {
namespace {

class Topics final : public Protocol {
 public:
  explicit Topics(ProtocolHost& host) : host_(host) {}

  void on_message(Session session, const Message& message) override;
  void on_close(Session session) override {
    host_.session_state_changed(-static_cast<std::int64_t>(subscriptions_.remove_all(session.word())));
  }

 private:
  [[nodiscard]] std::string handle(Session session, std::string_view text);
  [[nodiscard]] const char* publish(const std::string& topic, const nlohmann::json& data);
  void deliver(std::string_view topic, const BlockRef& frame);

  ProtocolHost& host_;
  Subscriptions subscriptions_;
};

std::string error_text(std::string_view sentence) {
  return json_text({{"error", sentence}});
}

void Topics::on_message(Session session, const Message& message) {
  session.reply_text(message.text ? handle(session, message.payload) : error_text("a message must be a text frame"));
}

/// Does what `text` asks for and answers the answer.
std::string Topics::handle(Session session, std::string_view text) {
  nlohmann::json request;
  std::string error;
  if (!parse_json_object(text, request, error)) return error_text(error);
  const auto op = request.find("op");
  const auto topic = request.find("topic");
  if (op == request.end() || !op->is_string()) return error_text("op must be a string");
  if (topic == request.end() || !topic->is_string()) return error_text("topic must be a string");
  const auto& name = topic->get_ref<const std::string&>();
  const auto& verb = op->get_ref<const std::string&>();
  if (name.empty() || name.size() > kTopicNameBytesMax) return error_text("topic must be 1 to 256 bytes long");
  if (verb == "subscribe") {
    if (subscriptions_.count(session.word()) >= kSubscriptionsPerConnectionMax) {
      return error_text("too many subscriptions on this connection");
    }
    // Again is as good as once.
    if (subscriptions_.add(session.id(), session.word(), name)) host_.session_state_changed(1);
  } else if (verb == "unsubscribe") {
    if (subscriptions_.remove(session.word(), name)) host_.session_state_changed(-1);
  } else if (verb == "publish") {
    const auto data = request.find("data");
    if (data == request.end()) return error_text("data is missing");
    if (const char* refusal = publish(name, *data)) return error_text(refusal);
  } else {
    return error_text("op must be subscribe, unsubscribe or publish");
  }
  return json_text({{"ok", verb}, {"topic", name}});
}

/// Null where the message is on its way to every subscriber; otherwise a sentence.
const char* Topics::publish(const std::string& topic, const nlohmann::json& data) {
  const BlockRef frame = make_frame(Opcode::kText, json_text({{"topic", topic}, {"data", data}}));
  // Written anew, data may be longer than the message that brought it: 1E9 becomes 1000000000.0.
  if (frame.size() > host_.config().limits.pushed_frame_bytes_max()) return "data is too large";
  bool everywhere = true;
  for (std::size_t shard = 0; shard < host_.shard_count(); ++shard) {
    if (shard == host_.shard()) {
      deliver(topic, frame);
      continue;
    }
    const auto mail = [topic, frame](Protocol& there) { static_cast<Topics&>(there).deliver(topic, frame); };
    everywhere &= host_.post(shard, mail, frame.size());
  }
  return everywhere ? nullptr : "overloaded: not every subscriber got the message";
}

void Topics::deliver(std::string_view topic, const BlockRef& frame) {
  subscriptions_.each(topic, [this, &frame](ConnectionId id) {
    // A slow consumer is closed at the end of the tick, so that the list does not change under this walk.
    if (const auto session = host_.find(id)) session->push(frame);
  });
}

}  // namespace

std::unique_ptr<Protocol> make_topics(ProtocolHost& host) {
  return std::make_unique<Topics>(host);
}

}  // namespace sluice::gateway
