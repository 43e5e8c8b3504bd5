// What an application protocol is, and what it may ask of its surroundings. One directory a protocol, listed in
// protocols/table.cc; README.md says how to write one.
//
// One instance a shard, used by that shard's thread alone: a protocol needs no locks. Everything here may be called
// only on that thread, but for ProtocolHost::post() and post_waiting().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/clock.h"
#include "gateway/engine/block.h"
#include "gateway/engine/slab.h"

namespace sluice::gateway {

struct Config;
class Connection;
class TaskPool;

/// Names a connection of one shard; a dead one's id finds nothing, ever.
using ConnectionId = SlabId;

/// A connection as its protocol sees it. A handle for the duration of a call: keep the id, not the session.
class Session {
 public:
  explicit Session(Connection& connection) : connection_(&connection) {}

  [[nodiscard]] ConnectionId id() const;
  /// 64 bits of the protocol's own, 0 at first: an index, a count.
  [[nodiscard]] std::uint64_t& word() const;
  /// Whether the connection is about to be closed and only waits for answers that are owed: begin no new work for it.
  [[nodiscard]] bool leaving() const;

  /// Answers what this connection has asked: a frame of make_frame(). Always taken: a connection whose send queue is
  /// above its high mark is not read from, so it cannot ask for more.
  void reply(BlockRef frame) const;
  void reply_text(std::string_view text) const;
  /// Sends what the connection has not asked for. False where its queue has no room: it is then closed with 1013 as a
  /// slow consumer, at the end of the tick.
  bool push(const BlockRef& frame) const;
  /// Closes with a code of RFC 6455, after what is queued.
  void close(std::uint16_t code, std::string_view reason) const;

 private:
  Connection* connection_;
};

/// A message, whole and unmasked. The bytes live until the call returns.
struct Message {
  bool text = false;  ///< Valid UTF-8; binary otherwise.
  std::string_view payload;
};

class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual void on_open(Session) {}
  virtual void on_message(Session session, const Message& message) = 0;
  /// The session is over; nothing can be sent any more. Called once, never from within another call of a protocol, and
  /// not where the process stops. Drops the connection's tasks that have not begun.
  virtual void on_close(Session) {}
  /// Whether answers are still owed. A drain waits for them, up to its deadline, before it closes the connection. Each
  /// ends with a reply(): that is when the gateway asks again.
  [[nodiscard]] virtual bool owes_answers(Session) const { return false; }
};

/// A protocol instance's surroundings; outlives it.
class ProtocolHost {
 public:
  virtual ~ProtocolHost() = default;
  /// Nothing where the connection has ended.
  [[nodiscard]] virtual std::optional<Session> find(ConnectionId id) = 0;
  [[nodiscard]] virtual const Clock& clock() const = 0;
  [[nodiscard]] virtual const Config& config() const = 0;
  [[nodiscard]] virtual TaskPool& tasks() = 0;
  /// The protocol holds so many more (or fewer) pieces of state for its sessions: what a client that moves has to make
  /// anew with a message each, a subscribed topic for example. They tell the operator what it costs to move this pod's
  /// clients (admin/costs.h).
  virtual void session_state_changed(std::int64_t pieces) = 0;
  [[nodiscard]] virtual std::size_t shard() const = 0;
  [[nodiscard]] virtual std::size_t shard_count() const = 0;

  /// Calls `mail` on `shard` with that shard's instance of this protocol. False where its mailbox is full. `bytes`:
  /// what the mail keeps in memory. Threads: any.
  virtual bool post(std::size_t shard, std::function<void(Protocol&)> mail, std::size_t bytes) = 0;
  /// The same to this shard, waiting for room. For workers; never on a shard's thread. Threads: any.
  virtual bool post_waiting(std::function<void(Protocol&)> mail) = 0;
};

/// A line of the table.
struct ProtocolEntry {
  std::string_view path;  ///< Of the URL, compared literally.
  std::unique_ptr<Protocol> (*make)(ProtocolHost& host);
};

/// All protocols of this build. The index of an entry names its protocol.
[[nodiscard]] std::span<const ProtocolEntry> protocol_table();

}  // namespace sluice::gateway
