// A connection without sockets: a test says when its sends are taken, and moves the clock.
#include "gateway/connection.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/random.h"
#include "gateway/outcomes.h"
#include "gateway/shard_context.h"
#include "gateway/testing/client_frames.h"
#include "gateway/testing/fake_io.h"
#include "gateway/websocket/frame.h"

namespace sluice::gateway {
namespace {

using testing::client_close;
using testing::client_frame;

constexpr std::size_t kKiB = 1024;
constexpr ConnectionId kId = ConnectionId{1} << 32;
constexpr const char* kUpgrade =
    "GET /echo HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

struct Echo final : Protocol {
  void on_message(Session session, const Message& message) override { session.reply_text(message.payload); }
};

/// A record layer that answers whatever comes with one word and is never done with its handshake.
struct Greeter final : Transport {
  State receive(std::span<const char>, std::string&) override {
    wire = BlockRef::copy_of("hello");
    return State::kOpen;
  }
  std::size_t send(std::span<const Slice>) override { return 0; }
  void end() override {}
  BlockRef take_wire() override { return std::exchange(wire, {}); }
  std::size_t held_bytes() const override { return 0; }
  BlockRef wire;
};

/// One connection with the path /echo on a loop of its own, driven as a shard would.
struct Fixture final : LoopHandler {
  ManualClock clock;
  Config config;
  ShardStats stats;
  DrainController drain{clock};
  AdmissionDoor admission{config.admission, clock.steady()};
  Random random{1};
  testing::FakeIo* io = new testing::FakeIo;
  EventLoop loop{std::unique_ptr<Io>(io), clock};
  ShardContext context{
      .loop = loop, .config = config, .stats = stats, .drain = drain, .admission = admission, .random = random};
  std::vector<ConnectionId> resuming;
  std::unique_ptr<Connection> connection;

  /// `waited`: for its admission.
  explicit Fixture(std::unique_ptr<Transport> transport = nullptr, Duration waited = 0ms,
                   Refusal refusal = Refusal::kNone) {
    config.limits.send_queue_high_bytes = 32 * kKiB;
    config.limits.send_queue_low_bytes = 8 * kKiB;
    config.limits.send_queue_max_bytes = 128 * kKiB;
    config.limits.message_bytes = 64 * kKiB;
    config.heartbeat.ping_interval = 1h;
    for (std::size_t i = 0; i < protocol_table().size(); ++i) context.protocols.push_back(std::make_unique<Echo>());
    connection =
        std::make_unique<Connection>(context, kId, Socket{1}, refusal, std::move(transport), clock.steady() - waited);
    connection->start();
  }

  void on_completion(const Completion& completion) override {
    if (!connection) return;
    if (completion.operation == Operation::kReceive) connection->on_receive(completion);
    if (completion.operation == Operation::kSend) connection->on_send(completion.result);
    if (completion.operation == Operation::kClose) connection.reset();
  }
  void on_timer(Token) override { connection->on_timer(); }
  void on_tick_end() override {
    for (std::size_t i = resuming.size(); i > 0; --i) connection->on_next_tick();
    resuming.clear();
    if (connection && !context.touched.empty()) connection->settle();
    context.touched.clear();
    resuming.swap(context.deferred);
    if (!resuming.empty()) loop.tick_again();
  }
  void tick(Duration later = Duration::zero()) {
    clock.advance(later);
    loop.run_once(*this, Duration::zero());
  }
  void receive(std::string_view bytes) {
    io->receive(kId, bytes);
    tick();
  }
  void upgrade() {
    receive(kUpgrade);
    tick();
    REQUIRE(connection->is_open());
    io->sent.clear();
  }
  /// The shard hears of a drain with this deadline.
  void begin_drain(Duration deadline) {
    context.release = {
        .kind = ReleaseKind::kDrain, .epoch = 1, .deadline = clock.steady() + deadline, .close_code = 1012};
  }
  [[nodiscard]] bool gone() const { return io->closed; }
  [[nodiscard]] std::int64_t closed_by(CloseCause cause) const {
    return stats.closed[static_cast<std::size_t>(cause)].get();
  }
};

TEST_CASE("who reads what is queued ahead of the close frame is not cut, until the drain's deadline") {
  Fixture fixture;
  fixture.upgrade();
  fixture.io->takes_all = false;
  fixture.receive(client_frame(0x1, std::string(10'000, 'x')));
  fixture.begin_drain(60s);
  fixture.connection->evict(0ms);
  for (int i = 0; i < 10; ++i) {
    fixture.io->complete_send(100);
    fixture.tick(4s);
    REQUIRE(!fixture.gone());
  }
  SUBCASE("it reads on: the frame comes, and it has its time to answer") {
    while (fixture.io->sending()) {
      fixture.io->complete_send(5000);
      fixture.tick();
    }
    fixture.io->takes_all = true;
    CHECK(fixture.io->sent.find("reconnect-after-ms=0") != std::string::npos);
    fixture.tick(4s);
    fixture.receive(client_close(1012));
    fixture.tick();
    CHECK(fixture.gone());
    CHECK(fixture.closed_by(CloseCause::kDrain) == 1);
  }
  SUBCASE("it stops") {
    fixture.tick(4900ms);
    CHECK(!fixture.gone());
    fixture.tick(200ms);
    CHECK(fixture.gone());
  }
  SUBCASE("the deadline comes, and its time is over") {
    for (int i = 0; i < 5; ++i) {
      fixture.io->complete_send(100);
      fixture.tick(4s);
    }
    CHECK(fixture.gone());
  }
  SUBCASE("the deadline is cut to now: the next eviction ends it") {
    fixture.begin_drain(0s);
    CHECK(fixture.connection->evict(0ms));
    CHECK(fixture.gone());
  }
}

TEST_CASE("what the peer's machine still acknowledges counts as reading, too") {
  Fixture fixture;
  fixture.upgrade();
  fixture.begin_drain(600s);
  fixture.io->kernel_bytes = 10'000;
  fixture.connection->evict(0ms);
  fixture.tick();
  for (int i = 0; i < 10; ++i) {
    fixture.io->kernel_bytes -= 100;
    fixture.tick(5100ms);
    REQUIRE(!fixture.gone());
  }
  SUBCASE("it stops") {}
  SUBCASE("all is there: it only has to answer") {
    fixture.io->kernel_bytes = 0;
  }
  fixture.tick(5100ms);
  CHECK(fixture.gone());
}

TEST_CASE("a close that no drain asks for takes a minute at most, however the peer reads") {
  Fixture fixture;
  fixture.upgrade();
  fixture.io->takes_all = false;
  fixture.receive(client_frame(0x1, std::string(10'000, 'x')));
  fixture.connection->close(4000, "enough");
  int ticks = 0;
  for (; !fixture.gone(); ++ticks) {
    REQUIRE(ticks < 100);
    if (fixture.io->sending()) fixture.io->complete_send(10);
    fixture.tick(4s);
  }
  CHECK(ticks == 15);
}

TEST_CASE("a slow consumer has five seconds in all") {
  Fixture fixture;
  fixture.upgrade();
  fixture.io->takes_all = false;
  const BlockRef frame = make_frame(Opcode::kText, std::string(60'000, 'x'));
  CHECK(fixture.connection->push(frame));
  fixture.tick();
  CHECK(fixture.connection->push(frame));
  CHECK(!fixture.connection->push(frame));
  fixture.tick();
  CHECK(fixture.stats.slow_consumer_closes.get() == 1);
  fixture.io->complete_send(100);
  fixture.tick(4s);
  CHECK(!fixture.gone());
  fixture.io->complete_send(100);
  fixture.tick(1100ms);
  CHECK(fixture.gone());
}

TEST_CASE("a frame that is longer than a send queue may be makes no slow consumer of who has nothing queued") {
  Fixture fixture;
  fixture.upgrade();
  CHECK(fixture.connection->push(make_frame(Opcode::kText, std::string(200'000, 'x'))));
  fixture.tick();
  fixture.tick();
  CHECK(fixture.io->sent.size() > 200'000);
  CHECK(fixture.stats.slow_consumer_closes.get() == 0);
}

TEST_CASE("a paused slow reader holds nothing but its queue") {
  Fixture fixture;
  fixture.upgrade();
  fixture.io->takes_all = false;
  const std::string frame = client_frame(0x1, std::string(60'000, 'x'));
  fixture.receive(frame.substr(0, 40'000));
  CHECK(fixture.connection->held_bytes() >= 40'000 - 20);
  fixture.receive(frame.substr(40'000));
  CHECK(!fixture.io->receiving);
  CHECK(fixture.stats.send_queue_bytes.get() > 60'000);
  CHECK(fixture.connection->held_bytes() == 0);
}

TEST_CASE("a chunk of many small messages is handled in portions, a tick each, in their order") {
  Fixture fixture;
  fixture.config.limits.send_queue_high_bytes = 1 << 20;  // Back-pressure is not what holds it up here.
  fixture.upgrade();
  constexpr int kMessages = 1000;
  std::string chunk;
  std::string answers;
  for (int i = 0; i < kMessages; ++i) {
    chunk += client_frame(0x1, std::to_string(i));
    answers += make_frame(Opcode::kText, std::to_string(i)).view();
  }
  fixture.receive(chunk);
  // A message and its answer are two pieces of work.
  CHECK(fixture.stats.messages_received.get() == kWorkPerTick / 2);
  CHECK(!fixture.io->receiving);
  fixture.tick();
  CHECK(fixture.io->waits.back() == 0ms);
  CHECK(fixture.stats.messages_received.get() == kWorkPerTick);
  fixture.tick();
  fixture.tick();
  CHECK(fixture.stats.messages_received.get() == kMessages);
  CHECK(fixture.io->receiving);
  for (int i = 0; i < kMessages && fixture.io->sent.size() < answers.size(); ++i) fixture.tick();
  CHECK(fixture.io->sent == answers);
  CHECK(fixture.connection->held_bytes() == 0);
}

TEST_CASE("a drain does not close a client behind one answer while others of its requests wait") {
  Fixture fixture;
  fixture.upgrade();
  std::string chunk;
  for (int i = 0; i < kWorkPerTick; ++i) chunk += client_frame(0x1, "x");
  fixture.receive(client_frame(0x1, "talks"));
  fixture.begin_drain(60s);
  fixture.connection->release(0ms);
  fixture.tick(100ms);  // It wants to go, behind its next answer.
  fixture.receive(chunk);
  CHECK(fixture.connection->is_open());
  for (int i = 0; i < 4; ++i) fixture.tick();
  CHECK(fixture.stats.messages_received.get() == kWorkPerTick + 1);
  CHECK(!fixture.connection->is_open());
}

TEST_CASE("a socket that is refused is idle to its end: no drain waits for it") {
  Fixture fixture;
  fixture.io->takes_all = false;
  fixture.receive("GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(fixture.io->sending());
  CHECK(fixture.stats.connections[static_cast<std::size_t>(ConnectionState::kIdle)].get() == 1);
  CHECK(fixture.stats.connections[static_cast<std::size_t>(ConnectionState::kClosing)].get() == 0);
  fixture.tick(5100ms);
  CHECK(fixture.gone());
  CHECK(fixture.stats.connections[static_cast<std::size_t>(ConnectionState::kIdle)].get() == 0);
}

TEST_CASE("totals tell what we failed at from what the client gave up") {
  struct Row {
    const char* name;
    std::string_view bytes;
    Duration waited;  ///< For admission.
    Refusal refusal;
    bool ends;  ///< The client ends its side; otherwise its time runs out.
    bool failed;
  };
  const std::string_view half = "GET /echo HT";
  const Row rows[] = {{"it never spoke", "", 0ms, Refusal::kNone, false, false},
                      {"it spoke too slowly", half, 0ms, Refusal::kNone, false, true},
                      {"it hung up", half, 0ms, Refusal::kNone, true, false},
                      {"it hung up after we had let it wait", "", 30ms, Refusal::kNone, true, true},
                      {"no room", kUpgrade, 0ms, Refusal::kNoRoom, true, true},
                      {"refused by admission", kUpgrade, 0ms, Refusal::kAdmission, true, true},
                      {"refused, and it asked for nothing that is served", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0ms,
                       Refusal::kAdmission, true, false}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fixture fixture(nullptr, row.waited, row.refusal);
    if (!row.bytes.empty()) fixture.receive(row.bytes);
    if (row.ends) {
      fixture.io->end(kId);
      fixture.tick();
    } else {
      fixture.tick(11s);
    }
    CHECK(fixture.gone());
    CHECK(fixture.stats.handshakes_failed.get() == (row.failed ? 1 : 0));
  }
}

TEST_CASE("a drain's refusals are no failures, and slow upgrades are counted without their wait") {
  Fixture draining(nullptr, 30ms);
  draining.drain.start({.reason = "ScaleDown", .deadline = draining.clock.wall() + 60s, .rate = 1}, 1);
  draining.receive(kUpgrade);
  CHECK(draining.stats.handshakes[static_cast<std::size_t>(HandshakeResult::kRefused)].get() == 1);
  CHECK(draining.stats.handshakes_failed.get() == 0);

  Fixture waited(nullptr, 5s);
  waited.tick(250ms);
  waited.upgrade();
  CHECK(waited.stats.handshakes_slow.get() == 0);
  Fixture slow(nullptr, 5s);
  slow.tick(251ms);
  slow.upgrade();
  CHECK(slow.stats.handshakes_slow.get() == 1);
}

TEST_CASE("totals tell closes that both sides agreed on from the others") {
  struct Row {
    const char* name;
    bool drained;            ///< Our close frame goes first.
    std::string_view bytes;  ///< Then the client says this; nothing: it ends its side.
    bool clean;
  };
  const std::string normal = client_close(1000);
  const std::string none = client_frame(0x8, "");
  const std::string complaint = client_close(1002);
  const std::string answer = client_close(1012);
  const Row rows[] = {{"the client leaves", false, normal, true},
                      {"a browser leaves", false, none, true},
                      {"the client complains", false, complaint, false},
                      {"the stream ends", false, "", false},
                      {"a violation", false, "\xff\xff", false},
                      {"a drain, and the client answers", true, answer, true},
                      {"a drain, and the client answers with a code of its own", true, complaint, true},
                      {"a drain, and the stream ends", true, "", false}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fixture fixture;
    fixture.upgrade();
    fixture.begin_drain(60s);
    if (row.drained) fixture.connection->evict(0ms);
    fixture.tick();
    if (row.bytes.empty()) {
      fixture.io->end(kId);
      fixture.tick();
    } else {
      fixture.receive(row.bytes);
    }
    for (int i = 0; i < 3 && !fixture.gone(); ++i) fixture.tick(6s);
    REQUIRE(fixture.gone());
    Totals totals;
    totals.add(fixture.stats);
    CHECK(totals.closes_clean == (row.clean ? 1 : 0));
    CHECK(totals.closes_abnormal == (row.clean ? 0 : 1));
  }
}

TEST_CASE("a send that fails in a handshake ends it and is counted") {
  Fixture fixture(std::make_unique<Greeter>());
  fixture.io->takes_all = false;
  fixture.receive("client hello");
  REQUIRE(fixture.io->sending());
  fixture.io->complete_send(-EPIPE);
  fixture.tick();
  CHECK(fixture.gone());
  CHECK(fixture.stats.handshakes[static_cast<std::size_t>(HandshakeResult::kDisconnected)].get() == 1);
}

}  // namespace
}  // namespace sluice::gateway
