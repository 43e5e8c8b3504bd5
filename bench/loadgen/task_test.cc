#include "bench/loadgen/task.h"

#include <doctest/doctest.h>

namespace sluice::loadgen {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

struct Fixture {
  TaskRules rules{8, 2, kStart + 10s, "abc"};
  Tally tally;
  Random random{1};
  TaskWorkload workload{rules, tally, random, kStart};

  void answer(const std::string& text, Slot slot = Slot::kA) {
    workload.on_message(slot, Opcode::kText, text, kStart + 20ms);
  }
};

TEST_CASE("the oracle's digest does not depend on the pieces") {
  // Checked against: python3 -c 'import hashlib; print(hashlib.sha256(bytes((i*2654435761>>24)&255 for i in
  // range(1<<20))).hexdigest())'
  for (const std::uint64_t piece : {1ULL << 20, 4'096ULL, 1'000ULL}) {
    CAPTURE(piece);
    DigestOracle oracle(1);
    while (!oracle.advance(piece)) CHECK(oracle.hex().empty());
    CHECK(oracle.hex() == "ca6073392ee71dbd1a2d356c3caa233f8f828ae17f8f8ba8570ee3491be128ab");
    CHECK(oracle.advance(piece));
  }
}

TEST_CASE("a client keeps its number of requests in flight and stops in time") {
  Fixture f;
  CHECK(f.workload.due() == kStart);
  CHECK(f.workload.make(Slot::kA, kStart).payload == R"({"id":0,"digest":{"megabytes":8}})");
  f.workload.make(Slot::kB, kStart);
  CHECK(f.workload.due() == kNever);
  f.answer(R"({"id":0,"sha256":"abc","megabytes":8,"queuedMs":1,"ranMs":2})");
  CHECK(f.workload.due() == kStart);
  CHECK(f.tally.tasks.answered == 1);
  CHECK(f.tally.task_latency.total.max() == std::chrono::milliseconds(20));
  f.rules.until = kStart;
  CHECK(f.workload.due() == kNever);
  CHECK(f.workload.ends_at() == kStart);
}

TEST_CASE("answers are judged") {
  struct Row {
    const char* name;
    const char* text;
    int answered, refused, wrong;
    std::size_t outstanding;
  };
  const Row rows[] = {
      {"right", R"({"id":0,"sha256":"abc","megabytes":8,"queuedMs":1,"ranMs":2})", 1, 0, 0, 0},
      {"wrong digest", R"({"id":0,"sha256":"abd","megabytes":8})", 0, 0, 1, 0},
      {"wrong size", R"({"id":0,"sha256":"abc","megabytes":9})", 0, 0, 1, 0},
      {"no digest", R"({"id":0})", 0, 0, 1, 0},
      {"refused", R"({"id":0,"error":"queue full"})", 0, 1, 0, 0},
      {"an id that nobody asked for", R"({"id":5,"sha256":"abc","megabytes":8})", 0, 0, 1, 1},
      {"a negative id", R"({"id":-1,"sha256":"abc"})", 0, 0, 1, 1},
      {"no JSON", "hello", 0, 0, 1, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fixture f;
    f.workload.make(Slot::kA, kStart);
    f.answer(row.text);
    CHECK(f.tally.tasks.answered == row.answered);
    CHECK(f.tally.tasks.refused == row.refused);
    CHECK(f.tally.tasks.wrong == row.wrong);
    CHECK(f.workload.outstanding(Slot::kA) == row.outstanding);
  }
}

TEST_CASE("a full queue is asked again after a pause") {
  Fixture f;
  f.workload.make(Slot::kA, kStart);
  f.answer(R"({"id":0,"error":"queue full"})");
  CHECK(f.workload.due() >= kStart + 520ms);
  CHECK(f.workload.due() <= kStart + 1020ms);
}

TEST_CASE("what is in flight when its connection ends is lost") {
  Fixture f;
  f.workload.make(Slot::kA, kStart);
  f.workload.make(Slot::kB, kStart);
  f.workload.on_end(Slot::kB, false, kStart);
  CHECK(f.tally.tasks.lost == 1);
  CHECK(f.workload.outstanding(Slot::kA) == 1);
}

}  // namespace
}  // namespace sluice::loadgen
