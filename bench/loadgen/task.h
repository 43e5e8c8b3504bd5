// Requests that cost the gateway CPU: digests of a given amount of data, each answer checked.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "bench/loadgen/tally.h"
#include "bench/loadgen/workload.h"
#include "common/base/random.h"

namespace sluice::loadgen {

/// The SHA-256 that a task of some size must answer, computed by this program itself: the byte at offset i of the data
/// is (i * 2654435761) >> 24 in 64-bit arithmetic, low 8 bits. In pieces, so that the event loop goes on meanwhile.
class DigestOracle {
 public:
  explicit DigestOracle(std::uint32_t megabytes);
  ~DigestOracle();
  DigestOracle(const DigestOracle&) = delete;
  DigestOracle& operator=(const DigestOracle&) = delete;

  /// Digests up to `bytes` more; true once all is done.
  bool advance(std::uint64_t bytes);
  [[nodiscard]] bool done() const { return !hex_.empty(); }
  /// Lower-case hexadecimal; empty until done.
  [[nodiscard]] const std::string& hex() const { return hex_; }

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  std::uint64_t offset_ = 0;
  std::uint64_t size_;
  std::string hex_;
};

struct TaskRules {
  std::uint32_t megabytes = 8;
  std::uint32_t in_flight = 4;  ///< Requests that a client keeps awaited.
  SteadyTime until = kNever;    ///< No new request from then on.
  std::string sha256;           ///< The right answer.
};

/// Keeps a number of requests in flight until a time. Answers come in any order. Threads: one.
class TaskWorkload final : public Workload {
 public:
  /// A request waits behind a queue's worth of others, each of which takes its share of a busy processor.
  static constexpr Duration kAnswersWait{30'000};

  /// `rules`, `tally` and `random` outlive the workload.
  TaskWorkload(const TaskRules& rules, Tally& tally, Random& random, SteadyTime now);

  [[nodiscard]] SteadyTime due() const override;
  Outgoing make(Slot slot, SteadyTime now) override;
  void on_message(Slot slot, Opcode opcode, std::string_view payload, SteadyTime now) override;
  [[nodiscard]] std::size_t outstanding(Slot slot) const override { return awaited_[index_of(slot)].size(); }
  void on_end(Slot slot, bool deaf_restart, SteadyTime now) override;
  [[nodiscard]] Duration answers_wait() const override { return kAnswersWait; }
  [[nodiscard]] SteadyTime ends_at() const override { return rules_.until; }

 private:
  [[nodiscard]] std::size_t in_flight() const { return awaited_[0].size() + awaited_[1].size(); }

  const TaskRules& rules_;
  Tally& tally_;
  Random& random_;
  std::uint64_t next_id_ = 0;
  SteadyTime next_at_;  // Later than now after a refusal, so that a full queue is not asked in a loop.
  std::array<std::map<std::uint64_t, SteadyTime>, kSlots> awaited_;  // Send time by id.
};

}  // namespace sluice::loadgen
