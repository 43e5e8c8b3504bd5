#include "bench/loadgen/echo.h"

#include <doctest/doctest.h>

#include <set>

namespace sluice::loadgen {
namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

// A client that is due at once, and the echoes that it has made.
struct Fixture {
  EchoRules rules{10.0, 64};
  Tally tally;
  Random random{1};
  EchoWorkload workload{7, rules, tally, random, kStart};

  Outgoing send(Slot slot = Slot::kA) { return workload.make(slot, kStart); }
  void answer(const Outgoing& echo, Slot slot = Slot::kA, Duration after = 5ms) {
    workload.on_message(slot, echo.opcode, echo.payload, kStart + after);
  }
};

TEST_CASE("a payload names client, sequence and time, and follows from them alone") {
  const EchoId id{0xAB, 0x10, 0x1234};
  const std::string payload = echo_payload(id, 64);
  CHECK(payload.substr(0, kEchoHeaderBytes) == "000000ab000000100000000000001234");
  CHECK(payload == echo_payload(id, 64));
  CHECK(payload.substr(kEchoHeaderBytes) != echo_payload({0xAB, 0x11, 0x1234}, 64).substr(kEchoHeaderBytes));
  for (const char byte : payload) CHECK((byte >= '0' && byte <= 'o'));
}

TEST_CASE("payloads use every form of a frame's length and both opcodes") {
  std::set<std::size_t> sizes;
  std::set<Opcode> opcodes;
  for (std::uint32_t sequence = 0; sequence < 20'000; ++sequence) {
    sizes.insert(echo_payload({1, sequence, 0}, 64).size());
    opcodes.insert(echo_opcode({1, sequence, 0}));
  }
  CHECK(sizes == std::set<std::size_t>{64, 300, kEchoBytesMax});
  CHECK(opcodes.size() == 2);
}

TEST_CASE("the right answer is received once, with its latency") {
  Fixture f;
  f.answer(f.send());
  CHECK(f.tally.echoes.received == 1);
  CHECK(f.tally.echo_latency.total.max() == std::chrono::milliseconds(5));
  CHECK(f.workload.outstanding(Slot::kA) == 0);
}

TEST_CASE("wrong answers are told apart") {
  struct Row {
    const char* name;
    void (*act)(Fixture&);
    int received, duplicate, reordered, corrupt;
  };
  const Row rows[] = {
      {"the same answer twice",
       [](Fixture& f) {
         const Outgoing echo = f.send();
         f.answer(echo);
         f.answer(echo);
       },
       1, 1, 0, 0},
      {"the second before the first",
       [](Fixture& f) {
         const Outgoing first = f.send();
         const Outgoing second = f.send();
         f.answer(second);
         f.answer(first);
       },
       2, 0, 1, 0},
      {"one byte changed",
       [](Fixture& f) {
         Outgoing echo = f.send();
         echo.payload[40] ^= 1;
         f.answer(echo);
       },
       0, 0, 0, 1},
      {"binary where text was sent",
       [](Fixture& f) {
         Outgoing echo = f.send();
         echo.opcode = Opcode::kBinary;
         f.answer(echo);
       },
       0, 0, 0, 1},
      {"another client's echo",
       [](Fixture& f) {
         f.answer({Opcode::kText, echo_payload({8, 0, 0}, 64)});
       },
       0, 0, 0, 1},
      {"one that was never sent",
       [](Fixture& f) {
         f.answer({Opcode::kText, echo_payload({7, 0, 0}, 64)});
       },
       0, 0, 0, 1},
      {"on the other connection", [](Fixture& f) { f.answer(f.send(Slot::kA), Slot::kB); }, 0, 0, 0, 1},
      {"not an echo at all",
       [](Fixture& f) {
         f.answer({Opcode::kText, "hello"});
       },
       0, 0, 0, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Fixture f;
    row.act(f);
    CHECK(f.tally.echoes.received == row.received);
    CHECK(f.tally.echoes.duplicate == row.duplicate);
    CHECK(f.tally.echoes.reordered == row.reordered);
    CHECK(f.tally.echoes.corrupt == row.corrupt);
  }
}

TEST_CASE("what is awaited when its connection ends is lost, on that connection alone") {
  Fixture f;
  f.send(Slot::kA);
  f.send(Slot::kA);
  f.send(Slot::kB);
  f.workload.on_end(Slot::kA, false, kStart);
  CHECK(f.tally.echoes.lost == 2);
  CHECK(f.tally.echoes.lost_deaf == 0);
  CHECK(f.workload.outstanding(Slot::kB) == 1);
  f.workload.on_end(Slot::kB, true, kStart);
  CHECK(f.tally.echoes.lost == 3);
  CHECK(f.tally.echoes.lost_deaf == 1);
}

TEST_CASE("a client that hears nothing stops to talk, and goes on after an answer") {
  Fixture f;
  std::vector<Outgoing> sent;
  while (f.workload.due() != kNever) sent.push_back(f.send());
  CHECK(sent.size() == 32);
  f.answer(sent.front());
  CHECK(f.workload.due() != kNever);
}

TEST_CASE("pauses are uniform in [0.5, 1.5) of the mean; rate 0 is silent") {
  Fixture f;
  for (int i = 0; i < 100; ++i) {
    f.workload.reschedule(kStart);
    CHECK(f.workload.due() >= kStart + 50ms);
    CHECK(f.workload.due() < kStart + 150ms);
  }
  f.rules.per_second = 0;
  f.workload.reschedule(kStart);
  CHECK(f.workload.due() == kNever);
}

}  // namespace
}  // namespace sluice::loadgen
