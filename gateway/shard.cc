#include "gateway/shard.h"

#include <algorithm>
#include <cstring>
#include <future>
#include <utility>

#include "common/base/log.h"
#include "gateway/descriptors.h"
#include "gateway/outcomes.h"
#include "gateway/websocket/frame.h"

namespace sluice::gateway {
namespace {

// Tokens that are no connection's: a slab's ids begin at 2^32.
constexpr Token kPlainListener = 1;
constexpr Token kTlsListener = 2;
constexpr Token kReleaseTimer = 3;
constexpr Token kAcceptTimer = 4;
constexpr Token kAdmissionTimer = 5;

/// How often a drain or a shed releases connections, and admission lets them in: fine enough for a smooth rate, rare
/// enough to cost nothing.
constexpr Duration kReleaseTick{20};
/// Connections released or evicted a tick and shard.
constexpr std::size_t kReleaseBatchMax = 1024;
static_assert(kReleaseTick < TokenPacer::kBurst, "a shard that comes each tick loses no token");
/// How long to wait for a descriptor after accept() found none.
constexpr Duration kAcceptPause{100};

}  // namespace

/// What a protocol instance sees of its shard.
class Shard::Host final : public ProtocolHost {
 public:
  Host(Shard& shard, std::size_t protocol) : shard_(shard), protocol_(protocol) {}

  std::optional<Session> find(ConnectionId id) override {
    Connection* connection = shard_.connections_.find(id);
    if (connection == nullptr || !connection->is_open()) return std::nullopt;
    return Session(*connection);
  }
  const Clock& clock() const override { return shard_.shared_.clock; }
  const Config& config() const override { return shard_.shared_.config; }
  TaskPool& tasks() override { return shard_.shared_.tasks; }
  void session_state_changed(std::int64_t pieces) override { shard_.stats_.session_state.add(pieces); }
  std::size_t shard() const override { return shard_.index_; }
  std::size_t shard_count() const override { return shard_.all_.size(); }

  bool post(std::size_t shard, std::function<void(Protocol&)> mail, std::size_t bytes) override {
    Shard& there = *shard_.all_[shard];
    return there.loop_.try_post(
        [&there, index = protocol_, mail = std::move(mail)] { mail(*there.context_.protocols[index]); }, bytes);
  }
  bool post_waiting(std::function<void(Protocol&)> mail) override {
    return shard_.loop_.post([this, mail = std::move(mail)] { mail(*shard_.context_.protocols[protocol_]); });
  }

 private:
  Shard& shard_;
  const std::size_t protocol_;
};

Shard::Shard(std::size_t index, ShardShared& shared, const std::vector<std::unique_ptr<Shard>>& all,
             std::unique_ptr<Io> io)
    : index_(index),
      shared_(shared),
      all_(all),
      loop_(std::move(io), shared.clock),
      context_{.loop = loop_,
               .config = shared.config,
               .stats = stats_,
               .drain = shared.drain,
               .admission = shared.admission,
               .random = shared.random},
      connections_(shared.config.limits.connections + kRefusalsMax) {
  context_.ping = make_frame(Opcode::kPing, {});
  release_timer_.token = kReleaseTimer;
  accept_timer_.token = kAcceptTimer;
  admission_timer_.token = kAdmissionTimer;
  for (const ProtocolEntry& entry : protocol_table()) {
    hosts_.push_back(std::make_unique<Host>(*this, hosts_.size()));
    context_.protocols.push_back(entry.make(*hosts_.back()));
  }
}

Shard::~Shard() {
  stop();
  loop_.timers().cancel(release_timer_);
  loop_.timers().cancel(accept_timer_);
  loop_.timers().cancel(admission_timer_);
}

Result<std::uint16_t> Shard::listen(const SocketAddress& address, bool share_port, bool tls) {
  ListenOptions options;
  options.share_port = share_port;
  const Result<Socket> listener = loop_.io().listen(address, options);
  if (!listener) return listener.error();
  const Result<SocketAddress> local = loop_.io().local_address(*listener);
  if (!local) return local.error();
  listeners_.emplace_back(*listener, tls ? kTlsListener : kPlainListener);
  return local->port;
}

void Shard::start() {
  rearm_accepts();
  thread_ = std::thread([this] { loop_.run(*this); });
}

void Shard::stop() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

void Shard::rearm_accepts() {
  for (const auto& [listener, token] : listeners_) loop_.io().submit_accept(listener, token);
}

void Shard::on_completion(const Completion& completion) {
  if (completion.operation == Operation::kAccept) {
    if (completion.result < 0) {
      accept_failed(-completion.result);
    } else {
      accepted(completion);
    }
    return;
  }
  Connection* connection = connections_.find(completion.token);
  if (connection == nullptr) return;  // A late completion of a dead connection.
  switch (completion.operation) {
    case Operation::kReceive:
      connection->on_receive(completion);
      break;
    case Operation::kSend:
      connection->on_send(completion.result);
      break;
    default:
      if (connection->refused_for() == Refusal::kAdmission) shared_.rejected.fetch_sub(1, std::memory_order_relaxed);
      connections_.erase(completion.token);
      shared_.sockets.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Shard::accepted(const Completion& completion) {
  accepts_failing_ = false;
  stats_.accepted.add(1);
  const Newcomer newcomer{.socket = completion.accepted, .listener = completion.token, .accepted = loop_.now()};
  const std::int64_t before = shared_.sockets.fetch_add(1, std::memory_order_relaxed);
  const std::int64_t limit = shared_.config.limits.connections;
  // Judged before anything is made for it: a flood costs descriptors that others need, and no memory.
  if (before >= limit + kRefusalsMax) {
    cut(newcomer);
  } else if (before >= limit) {
    let_in(newcomer, Refusal::kNoRoom);
  } else {
    ask_admission(newcomer);
  }
}

void Shard::ask_admission(Newcomer newcomer) {
  const Admission::Answer answer = shared_.admission.arrive(loop_.now());
  switch (answer.verdict) {
    case Admission::Verdict::kEnter:
      let_in(newcomer, Refusal::kNone);
      break;
    case Admission::Verdict::kWait:
      newcomer.ticket = answer.ticket;
      waiting_.push_back(newcomer);
      if (!admission_timer_.armed()) loop_.timers().arm(admission_timer_, loop_.now() + kReleaseTick);
      break;
    case Admission::Verdict::kRefuse:
      // To be told 503 costs as much as to be let in: only so many at a time, the others are cut.
      if (shared_.rejected.fetch_add(1, std::memory_order_relaxed) < kRefusalsMax) {
        let_in(newcomer, Refusal::kAdmission);
      } else {
        shared_.rejected.fetch_sub(1, std::memory_order_relaxed);
        cut(newcomer);
      }
  }
}

void Shard::admission_tick() {
  const std::uint64_t called = shared_.admission.call(loop_.now());
  while (!waiting_.empty() && waiting_.front().ticket < called) {
    let_in(waiting_.front(), Refusal::kNone);
    waiting_.pop_front();
  }
  if (!waiting_.empty()) loop_.timers().arm(admission_timer_, loop_.now() + kReleaseTick);
}

/// Makes it a connection, which is read from. Cuts it where no memory is left for that.
void Shard::let_in(const Newcomer& newcomer, Refusal refusal) {
  std::unique_ptr<Transport> transport;
  if (newcomer.listener == kTlsListener) transport = shared_.tls->make();
  Connection* connection = nullptr;
  if (transport || newcomer.listener != kTlsListener) {
    connection =
        connections_
            .make(context_, connections_.next_id(), newcomer.socket, refusal, std::move(transport), newcomer.accepted)
            .second;
  }
  if (connection != nullptr) {
    connection->start();
    return;
  }
  if (refusal == Refusal::kAdmission) shared_.rejected.fetch_sub(1, std::memory_order_relaxed);
  cut(newcomer);
}

void Shard::cut(const Newcomer& newcomer) {
  shared_.sockets.fetch_sub(1, std::memory_order_relaxed);
  stats_.handshakes[static_cast<std::size_t>(HandshakeResult::kRefused)].add(1);
  const HandshakeFacts facts{.draining = shared_.drain.active(), .waited = newcomer.accepted < loop_.now()};
  if (handshake_failed(HandshakeResult::kRefused, facts)) stats_.handshakes_failed.add(1);
  loop_.io().submit_close(newcomer.socket, 0);
}

void Shard::accept_failed(std::int32_t error) {
  // No descriptor or memory is left. The connection waits in the backlog; trying again at once would only spin.
  stats_.accept_failures.add(1);
  if (!accepts_failing_) log_warn("accept fails", {{"error", std::strerror(error)}, {"shard", index_}});
  accepts_failing_ = true;  // Said once, not ten times a second.
  loop_.timers().arm(accept_timer_, loop_.now() + kAcceptPause);
}

void Shard::on_timer(Token token) {
  if (token == kReleaseTimer) {
    release_tick();
  } else if (token == kAcceptTimer) {
    rearm_accepts();
  } else if (token == kAdmissionTimer) {
    admission_tick();
  } else if (Connection* connection = connections_.find(token)) {
    connection->on_timer();
  }
}

void Shard::on_tick_end() {
  // Those of the last tick: who has worked enough in this one waits for the next.
  for (const ConnectionId id : resuming_) {
    if (Connection* connection = connections_.find(id)) connection->on_next_tick();
  }
  resuming_.clear();
  // By index: settling one connection may touch another.
  for (std::size_t i = 0; i < context_.touched.size(); ++i) {
    if (Connection* connection = connections_.find(context_.touched[i])) connection->settle();
  }
  context_.touched.clear();
  resuming_.swap(context_.deferred);
  if (!resuming_.empty()) loop_.tick_again();
}

// Drain and shed.

void Shard::release_changed() {
  loop_.post([this] { release_tick(); });
}

void Shard::pass_tick() {
  // The first mail may come into a tick that has read the clock already; the third comes after a whole one.
  for (int i = 0; i < 3; ++i) {
    std::promise<void> passed;
    const bool posted = loop_.post([this, &passed] {
      release_tick();
      passed.set_value();
    });
    if (posted) passed.get_future().wait();
  }
}

void Shard::release_tick() {
  const ReleaseView before = std::exchange(context_.release, shared_.drain.view());
  const ReleaseView& view = context_.release;
  if (!view.active()) {
    loop_.timers().cancel(release_timer_);
    return;
  }
  if (!before.active() || before.epoch != view.epoch) stats_.begin_release(view.epoch);
  if (loop_.now() >= view.deadline) {
    evict_some();
  } else if (!view.spent) {
    release_some(shared_.drain.take(std::min(releasable(), kReleaseBatchMax), loop_.now()));
  }
  // Of a shed that is spent only the connections' own timers are left.
  if (!view.spent) {
    loop_.timers().arm(release_timer_, loop_.now() + kReleaseTick);
  } else {
    loop_.timers().cancel(release_timer_);
  }
}

/// How many connections of this shard have no token yet.
std::size_t Shard::releasable() const {
  const std::int64_t candidates = context_.release.kind == ReleaseKind::kShed
                                      ? stats_.hintable.get()
                                      : stats_.connections[static_cast<std::size_t>(ConnectionState::kActive)].get();
  return static_cast<std::size_t>(std::max<std::int64_t>(0, candidates - stats_.released.get()));
}

void Shard::release_some(std::size_t count) {
  // A shed takes few of many, from a place at random each time: neighbours in the slab came at the same moment, and
  // maybe from the same place.
  if (count > 0 && context_.release.kind == ReleaseKind::kShed) {
    release_cursor_ = static_cast<std::uint32_t>(shared_.random.below(connections_.slots()));
  }
  const double spread_ms = static_cast<double>(context_.release.spread.count());
  for (std::uint32_t visited = 0; count > 0 && visited < connections_.slots(); ++visited) {
    release_cursor_ = (release_cursor_ + 1) % connections_.slots();
    Connection* connection = connections_.find(connections_.slot_id(release_cursor_));
    if (connection == nullptr || !connection->can_be_released()) continue;
    connection->release(Duration(static_cast<Duration::rep>(shared_.random.unit() * spread_ms)));
    --count;
  }
}

/// The deadline has passed: everyone goes, told to come back at a moment of their own.
void Shard::evict_some() {
  const auto jitter_ms = static_cast<std::uint64_t>(context_.release.hint_jitter.count());
  std::size_t evicted = 0;
  for (std::uint32_t visited = 0; evicted < kReleaseBatchMax && visited < connections_.slots(); ++visited) {
    release_cursor_ = (release_cursor_ + 1) % connections_.slots();
    Connection* connection = connections_.find(connections_.slot_id(release_cursor_));
    if (connection == nullptr) continue;
    if (connection->evict(Duration(static_cast<Duration::rep>(shared_.random.below(jitter_ms + 1))))) ++evicted;
  }
}

}  // namespace sluice::gateway
