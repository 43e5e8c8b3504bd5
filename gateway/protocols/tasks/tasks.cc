#include "gateway/protocols/tasks/tasks.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "gateway/config.h"
#include "gateway/protocols/json_text.h"
#include "gateway/tasks/digest.h"
#include "gateway/tasks/task_pool.h"

namespace sluice::gateway {
namespace {

/// A session's word counts its tasks that are queued or run.
class Tasks final : public Protocol {
 public:
  explicit Tasks(ProtocolHost& host) : host_(host) {}

  void on_message(Session session, const Message& message) override;
  void on_close(Session session) override;
  [[nodiscard]] bool owes_answers(Session session) const override { return session.word() > 0; }

 private:
  struct Request {
    std::int64_t id = 0;
    int megabytes = 0;
  };
  [[nodiscard]] std::string read(const Message& message, Request& request) const;
  [[nodiscard]] std::string submit(Session session, const Request& request);
  [[nodiscard]] TaskOwner owner(Session session) const { return {host_.shard(), session.id()}; }
  void answer(ConnectionId id, const std::string& text);

  ProtocolHost& host_;
};

std::string error_text(std::string_view sentence) {
  return json_text({{"error", sentence}});
}

std::string error_text(std::int64_t id, std::string_view sentence) {
  return json_text({{"id", id}, {"error", sentence}});
}

void Tasks::on_message(Session session, const Message& message) {
  Request request;
  std::string error = read(message, request);
  if (error.empty()) error = submit(session, request);
  if (!error.empty()) session.reply_text(error);
}

/// nlohmann keeps what is above 2^63 - 1 as unsigned; read as signed it would come back as another number.
bool is_int64(const nlohmann::json& value) {
  return value.is_number_integer() && (!value.is_number_unsigned() || value.get<std::uint64_t>() <= INT64_MAX);
}

/// Fills `request`; answers an error's text where that cannot be done.
std::string Tasks::read(const Message& message, Request& request) const {
  if (!message.text) return error_text("a request must be a text frame");
  nlohmann::json object;
  std::string error;
  if (!parse_json_object(message.payload, object, error)) return error_text(error);
  const auto id = object.find("id");
  if (id == object.end() || !is_int64(*id)) return error_text("id must be an integer from -2^63 to 2^63 - 1");
  request.id = id->get<std::int64_t>();
  const auto digest = object.find("digest");
  if (digest == object.end() || !digest->is_object()) return error_text(request.id, "digest must be an object");
  const auto megabytes = digest->find("megabytes");
  const int most = host_.config().tasks.megabytes_max;
  if (megabytes == digest->end() || !megabytes->is_number_integer() || *megabytes < 1 || *megabytes > most) {
    return error_text(request.id, "digest.megabytes must be an integer from 1 to " + std::to_string(most));
  }
  request.megabytes = megabytes->get<int>();
  return {};
}

std::int64_t milliseconds(SteadyTime::duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

/// The answer's text, or the error's message. Runs on a worker.
Result<std::string> run_digest(std::int64_t id, int megabytes, SteadyTime queued_at, const Clock& clock,
                               const std::atomic<bool>& stopping) {
  const SteadyTime began_at = clock.steady();
  const Result<std::string> digest = digest_megabytes(megabytes, stopping);
  if (!digest) return digest.error();
  return json_text({{"id", id},
                    {"sha256", *digest},
                    {"megabytes", megabytes},
                    {"queuedMs", milliseconds(began_at - queued_at)},
                    {"ranMs", milliseconds(clock.steady() - began_at)}});
}

/// Queues the request; answers an error's text where that cannot be done.
std::string Tasks::submit(Session session, const Request& request) {
  if (session.leaving()) return error_text(request.id, "draining");
  if (session.word() >= host_.config().tasks.per_connection) {
    return error_text(request.id, "too many tasks on this connection");
  }
  Task task;
  task.owner = owner(session);
  task.run = [&host = host_, id = session.id(), request,
              queued_at = host_.clock().steady()](const std::atomic<bool>& stopping) {
    const auto done = run_digest(request.id, request.megabytes, queued_at, host.clock(), stopping);
    std::string text = done ? *done : error_text(request.id, done.error().message);
    // The host outlives the pool's workers; false only says that the shard has ended, and with it the connection.
    static_cast<void>(host.post_waiting(
        [id, text = std::move(text)](Protocol& protocol) { static_cast<Tasks&>(protocol).answer(id, text); }));
    return done.ok();
  };
  if (!host_.tasks().submit(std::move(task))) return error_text(request.id, "queue full");
  ++session.word();
  return {};
}

void Tasks::answer(ConnectionId id, const std::string& text) {
  const auto session = host_.find(id);
  if (!session) return;  // The connection has gone meanwhile.
  --session->word();
  session->reply_text(text);
}

void Tasks::on_close(Session session) {
  if (session.word() > 0) host_.tasks().drop(owner(session));
}

}  // namespace

std::unique_ptr<Protocol> make_tasks(ProtocolHost& host) {
  return std::make_unique<Tasks>(host);
}

}  // namespace sluice::gateway
