#include "bench/loadgen/population.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/log.h"

namespace sluice::loadgen {
namespace {

constexpr std::size_t kAttemptsUnderWayMax = 512;
constexpr std::size_t kEndsLoggedMax = 100;
constexpr std::uint64_t kOracleBytesPerTick = 1 << 18;  // About a millisecond.
constexpr Slot kBothSlots[] = {Slot::kA, Slot::kB};

}  // namespace

Population::Population(const Options& options, const Clock& clock, Tally& tally, Random& random)
    : options_(options),
      clock_(clock),
      tally_(tally),
      random_(random),
      echo_rules_(options.echo),
      deaf_echo_rules_{options.deaf_per_second, options.echo.payload_bytes},
      gate_(options.connects_per_second, kAttemptsUnderWayMax),
      start_(clock.steady()),
      last_ping_(start_) {
  client_rules_.churn_mean = options.churn_mean;
  ramp_.go(options.clients, options.over, start_);
}

Population::Member* Population::find(ClientId id) {
  const auto member = members_.find(id);
  return member == members_.end() ? nullptr : &member->second;
}

void Population::obey(const Command& command) {
  const SteadyTime now = clock_.steady();
  if (command.clients) ramp_.go(command.clients->clients, command.clients->over, now);
  if (command.churn_mean) {
    client_rules_.churn_mean = *command.churn_mean;
    for (const ClientId id : staying_) {
      Member& member = members_.at(id);
      member.client->reschedule_churn(now);
      settle(id, member, now);
    }
  }
  if (command.rate) {
    echo_rules_.per_second = *command.rate;
    for (const ClientId id : staying_) {
      Member& member = members_.at(id);
      static_cast<EchoWorkload&>(*member.workload).reschedule(now);
      settle(id, member, now);
    }
  }
  if (command.tasks && !stopping_) {
    const TasksCommand& tasks = *command.tasks;
    batches_.emplace_back(
        new TaskBatch{tasks, DigestOracle(tasks.megabytes), {tasks.megabytes, tasks.per_client, kNever, ""}, false});
  }
  if (command.stop && !stopping_) {
    stopping_ = true;
    ramp_.go(0, 0s, now);
    std::vector<ClientId> ids;
    for (const auto& [id, member] : members_) ids.push_back(id);
    staying_.clear();
    for (const ClientId id : ids) {
      Member& member = members_.at(id);
      member.client->leave(now);
      settle(id, member, now);
    }
  }
}

void Population::tick() {
  const SteadyTime now = clock_.steady();
  follow_ramp(now);
  start_tasks(now);
  wake_due(now);
  open_connections(now);
  ping(now);
}

void Population::follow_ramp(SteadyTime now) {
  const std::uint32_t wanted = stopping_ ? 0 : ramp_.at(now);
  while (staying_.size() < wanted) add_echo_client(now);
  while (staying_.size() > wanted) {
    ClientId& chosen = staying_[random_.below(staying_.size())];
    const ClientId id = std::exchange(chosen, staying_.back());
    staying_.pop_back();
    Member& member = members_.at(id);
    member.client->leave(now);
    settle(id, member, now);
  }
}

HintMode Population::draw_mode() {
  const double draw = random_.unit();
  if (draw < options_.deaf_share) return HintMode::kDeaf;
  return draw < options_.deaf_share + options_.query_share ? HintMode::kQuery : HintMode::kSubProtocol;
}

void Population::add_echo_client(SteadyTime now) {
  const ClientId id = next_id_++;
  const HintMode mode = draw_mode();
  const EchoRules& rules = mode == HintMode::kDeaf ? deaf_echo_rules_ : echo_rules_;
  staying_.push_back(id);
  add(id, Kind::kEcho, mode, std::make_unique<EchoWorkload>(id, rules, tally_, random_, now));
}

void Population::add(ClientId id, Kind kind, HintMode mode, std::unique_ptr<Workload> workload) {
  Member member{kind, std::move(workload), nullptr, {}};
  member.client = std::make_unique<Client>(id, mode, client_rules_, *member.workload, *this, tally_, random_);
  Client& client = *members_.emplace(id, std::move(member)).first->second.client;
  client.start();
}

void Population::start_tasks(SteadyTime now) {
  for (const auto& batch : batches_) {
    if (batch->started || stopping_ || !batch->oracle.advance(kOracleBytesPerTick)) continue;
    batch->started = true;
    batch->rules.sha256 = batch->oracle.hex();
    batch->rules.until = now + batch->command.duration;
    for (std::uint32_t i = 0; i < batch->command.clients; ++i) {
      const ClientId id = next_id_++;
      Member* member = nullptr;
      add(id, Kind::kTask, HintMode::kSubProtocol, std::make_unique<TaskWorkload>(batch->rules, tally_, random_, now));
      member = find(id);
      settle(id, *member, now);
    }
  }
}

Target Population::target_of(const Member& member) const {
  const std::string path = member.kind == Kind::kEcho ? "/echo" : "/tasks";
  const bool returning = member.client->opened_before();
  switch (member.client->mode()) {
    case HintMode::kSubProtocol:
      return {path, "sluice.v1", returning};
    case HintMode::kQuery:
      return {path + "?sluice-hints=1", "", returning};
    case HintMode::kDeaf:
      break;
  }
  return {path, "", returning};
}

void Population::open_connections(SteadyTime now) {
  while (const auto endpoint = gate_.take(now)) {
    Member& member = members_.at(endpoint->client);
    member.under_way[index_of(endpoint->slot)] = true;
    const int error = network_->connect(*endpoint, target_of(member), now);
    if (error == 0) continue;
    const char* name = strerrorname_np(error);
    on_refused(*endpoint, std::string("errno ") + (name ? name : "unknown"), std::nullopt);
  }
}

void Population::wake_due(SteadyTime now) {
  while (const auto id = wakes_.pop_due(now)) {
    // A client speaks only after it has heard what there is to hear: a Close frame that waits in the socket ends the
    // conversation before the next echo, not after it.
    for (const Slot slot : kBothSlots) network_->read_pending({*id, slot}, now);
    if (Member* member = find(*id)) settle(*id, *member, now);
  }
}

void Population::ping(SteadyTime now) {
  if (options_.ping_interval <= Duration(0)) return;
  const double due = static_cast<double>(network_->size()) *
                     (std::chrono::duration<double>(now - last_ping_) / options_.ping_interval);
  if (due < 1.0) return;
  last_ping_ = now;
  network_->ping_next(static_cast<std::size_t>(std::min(due, static_cast<double>(network_->size()))));
}

void Population::settle(ClientId id, Member& member, SteadyTime now) {
  member.client->on_wake(now);
  wakes_.set(id, member.client->wake_at(now));
  if (member.client->gone()) members_.erase(id);
}

void Population::attempt_is_over(Endpoint endpoint, Member& member) {
  if (std::exchange(member.under_way[index_of(endpoint.slot)], false)) gate_.done();
}

Gauges Population::gauges() const {
  Gauges gauges;
  const SteadyTime now = clock_.steady();
  gauges.elapsed_seconds = std::chrono::duration<double>(now - start_).count();
  gauges.target = ramp_.at(now);
  gauges.connecting = gate_.waiting() + gate_.under_way();
  for (const auto& [id, member] : members_) {
    const std::uint64_t awaited = member.workload->outstanding(Slot::kA) + member.workload->outstanding(Slot::kB);
    gauges.retiring += static_cast<std::uint64_t>(member.client->retiring());
    if (member.kind == Kind::kEcho) {
      ++gauges.clients;
      gauges.connected += member.client->connected();
      gauges.outstanding += awaited;
    } else {
      gauges.task_clients += member.client->connected();
      gauges.task_outstanding += awaited;
    }
  }
  return gauges;
}

void Population::open(ClientId client, Slot slot, bool urgent) {
  gate_.add({client, slot}, urgent);
}

void Population::send(ClientId client, Slot slot, const Outgoing& message) {
  if (Connection* connection = network_->find({client, slot})) connection->send(message);
}

void Population::close(ClientId client, Slot slot) {
  if (Connection* connection = network_->find({client, slot})) connection->send_close();
}

void Population::drop(ClientId client, Slot slot) {
  const Endpoint endpoint{client, slot};
  gate_.remove(endpoint);
  network_->drop(endpoint);
  if (Member* member = find(client)) attempt_is_over(endpoint, *member);
}

void Population::on_open(Endpoint endpoint) {
  const SteadyTime now = clock_.steady();
  Member& member = members_.at(endpoint.client);
  attempt_is_over(endpoint, member);
  member.client->on_open(endpoint.slot, now);
  settle(endpoint.client, member, now);
}

void Population::on_refused(Endpoint endpoint, const std::string& reason, std::optional<Duration> retry_after) {
  const SteadyTime now = clock_.steady();
  Member& member = members_.at(endpoint.client);
  attempt_is_over(endpoint, member);
  member.client->on_refused(endpoint.slot, reason, retry_after, now);
  settle(endpoint.client, member, now);
}

void Population::on_message(Endpoint endpoint, const Incoming& message) {
  const SteadyTime now = clock_.steady();
  Member& member = members_.at(endpoint.client);
  const std::uint64_t hints_before = tally_.hints;
  member.client->on_message(endpoint.slot, message.opcode, message.payload, now);
  if (departures_ != nullptr && tally_.hints > hints_before) departures_->note(now, "hint");
  settle(endpoint.client, member, now);
}

void Population::on_end(Endpoint endpoint, const End& end) {
  const SteadyTime now = clock_.steady();
  Member& member = members_.at(endpoint.client);
  const std::uint64_t abnormal_before = tally_.abnormal.total();
  const std::size_t awaited = member.workload->outstanding(endpoint.slot);
  member.client->on_end(endpoint.slot, end, now);
  if (departures_ != nullptr) departures_->note(now, "end");
  if (tally_.abnormal.total() > abnormal_before && abnormal_before < kEndsLoggedMax) {
    log_warn("abnormal end", {{"client", endpoint.client},
                              {"kind", static_cast<int>(end.kind)},
                              {"number", end.number},
                              {"text", end.text},
                              {"awaited", awaited}});
  }
  settle(endpoint.client, member, now);
}

}  // namespace sluice::loadgen
