// The clients: how many there are, which of them leaves, what each of them talks about, and the wiring between a
// client's decisions and its connections.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "bench/loadgen/client.h"
#include "bench/loadgen/command.h"
#include "bench/loadgen/departures.h"
#include "bench/loadgen/network.h"
#include "bench/loadgen/pace.h"
#include "bench/loadgen/task.h"
#include "bench/loadgen/wake_queue.h"

namespace sluice::loadgen {

/// Threads: one.
class Population final : public Wire, public ConnectionListener {
 public:
  /// All references outlive the population.
  Population(const Options& options, const Clock& clock, Tally& tally, Random& random);
  /// Before the first tick; `network` outlives the population's last tick.
  void attach(Network& network) { network_ = &network; }
  /// Notes every hint and every end from now on; `departures` outlives the population.
  void attach(Departures& departures) { departures_ = &departures; }

  void obey(const Command& command);
  /// Does what has come due: starts and retires clients, opens connections, lets clients speak.
  void tick();
  /// Every client is leaving.
  [[nodiscard]] bool stopping() const { return stopping_; }
  /// No client is left.
  [[nodiscard]] bool empty() const { return members_.empty(); }
  [[nodiscard]] Gauges gauges() const;

  void open(ClientId client, Slot slot, bool urgent) override;
  void send(ClientId client, Slot slot, const Outgoing& message) override;
  void close(ClientId client, Slot slot) override;
  void drop(ClientId client, Slot slot) override;

  void on_open(Endpoint endpoint) override;
  void on_refused(Endpoint endpoint, const std::string& reason, std::optional<Duration> retry_after) override;
  void on_message(Endpoint endpoint, const Incoming& message) override;
  void on_end(Endpoint endpoint, const End& end) override;

 private:
  enum class Kind : std::uint8_t { kEcho, kTask };
  struct Member {
    Kind kind;
    std::unique_ptr<Workload> workload;
    std::unique_ptr<Client> client;
    std::array<bool, kSlots> under_way{};  // Whether the gate counts an attempt of that slot.
  };
  // The task clients of one command. They start once the right answer is known.
  struct TaskBatch {
    TasksCommand command;
    DigestOracle oracle;
    TaskRules rules;
    bool started = false;
  };

  void follow_ramp(SteadyTime now);
  void start_tasks(SteadyTime now);
  void open_connections(SteadyTime now);
  void wake_due(SteadyTime now);
  void ping(SteadyTime now);
  void add_echo_client(SteadyTime now);
  void add(ClientId id, Kind kind, HintMode mode, std::unique_ptr<Workload> workload);
  [[nodiscard]] HintMode draw_mode();
  [[nodiscard]] Target target_of(const Member& member) const;
  /// After anything has happened to a client: it does what is due, and its next wake is noted.
  void settle(ClientId id, Member& member, SteadyTime now);
  void attempt_is_over(Endpoint endpoint, Member& member);
  Member* find(ClientId id);

  const Options& options_;
  const Clock& clock_;
  Tally& tally_;
  Random& random_;
  Network* network_ = nullptr;
  Departures* departures_ = nullptr;  ///< Null: nobody asks.

  ClientRules client_rules_;
  EchoRules echo_rules_, deaf_echo_rules_;
  Ramp ramp_;
  ConnectGate<Endpoint> gate_;
  WakeQueue wakes_;
  std::unordered_map<ClientId, Member> members_;
  std::vector<ClientId> staying_;  // Echo clients that have not been told to leave.
  std::vector<std::unique_ptr<TaskBatch>> batches_;
  ClientId next_id_ = 0;
  SteadyTime start_, last_ping_;
  bool stopping_ = false;
};

}  // namespace sluice::loadgen
