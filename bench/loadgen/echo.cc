#include "bench/loadgen/echo.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace sluice::loadgen {
namespace {

constexpr std::size_t kAwaitedMax = 32;
constexpr std::size_t kMediumBytes = 300;
constexpr std::uint64_t kMediumEach = 64;
constexpr std::uint64_t kLargeEach = 4096;
constexpr std::uint64_t kFragmentedEach = 256;

// SplitMix64's finaliser: spreads client and sequence over all bits.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::uint64_t hash_of(const EchoId& id) {
  return mix((std::uint64_t{id.client} << 32 | id.sequence) + 0x9e3779b97f4a7c15);
}

std::size_t size_of(std::uint64_t hash, std::size_t bytes) {
  if (hash % kLargeEach == 0) return kEchoBytesMax;
  return hash % kMediumEach == 0 ? kMediumBytes : std::max(bytes, kEchoHeaderBytes);
}

std::uint64_t nanoseconds(SteadyTime time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

template <typename T>
bool read_hex(std::string_view text, T& value) {
  return std::from_chars(text.data(), text.data() + text.size(), value, 16).ptr == text.data() + text.size();
}

}  // namespace

std::string echo_payload(const EchoId& id, std::size_t bytes) {
  char header[kEchoHeaderBytes + 1];
  std::snprintf(header, sizeof(header), "%08x%08x%016llx", id.client, id.sequence,
                static_cast<unsigned long long>(id.sent_ns));
  const std::uint64_t hash = hash_of(id);
  std::string payload(header, kEchoHeaderBytes);
  payload.resize(size_of(hash, bytes));
  std::uint64_t state = hash;
  for (std::size_t i = kEchoHeaderBytes; i < payload.size(); ++i) {
    if (i % 8 == 0) state = mix(state + i);
    payload[i] = static_cast<char>('0' + (state >> (i % 8 * 8) & 0x3F));  // '0' to 'o': printable.
  }
  return payload;
}

Opcode echo_opcode(const EchoId& id) {
  return id.sequence % 2 == 0 ? Opcode::kText : Opcode::kBinary;
}

EchoWorkload::EchoWorkload(ClientId client, const EchoRules& rules, Tally& tally, Random& random, SteadyTime now)
    : client_(client), rules_(rules), tally_(tally), random_(random) {
  reschedule(now);
}

void EchoWorkload::reschedule(SteadyTime now) {
  if (rules_.per_second <= 0) {
    due_ = kNever;
    return;
  }
  const double pause_seconds = (0.5 + random_.unit()) / rules_.per_second;
  due_ = now + std::chrono::microseconds(static_cast<std::int64_t>(pause_seconds * 1e6));
}

Outgoing EchoWorkload::make(Slot slot, SteadyTime now) {
  const EchoId id{client_, next_sequence_++, nanoseconds(now)};
  auto& awaited = awaited_[index_of(slot)];
  awaited.push_back({id.sequence, id.sent_ns});
  ++tally_.echoes.sent;
  reschedule(now);
  if (awaited.size() >= kAwaitedMax) due_ = kNever;
  return {echo_opcode(id), echo_payload(id, rules_.payload_bytes), hash_of(id) % kFragmentedEach == 1 ? 3 : 1};
}

bool EchoWorkload::matches(const Awaited& awaited, Opcode opcode, std::string_view payload) const {
  const EchoId id{client_, awaited.sequence, awaited.sent_ns};
  return opcode == echo_opcode(id) && payload == echo_payload(id, rules_.payload_bytes);
}

void EchoWorkload::take(const Awaited& awaited, SteadyTime now) {
  ++tally_.echoes.received;
  const auto age = std::chrono::nanoseconds(nanoseconds(now) - awaited.sent_ns);
  tally_.echo_latency.record(std::chrono::duration_cast<std::chrono::microseconds>(age));
  if (due_ == kNever) reschedule(now);
}

void EchoWorkload::on_message(Slot slot, Opcode opcode, std::string_view payload, SteadyTime now) {
  auto& awaited = awaited_[index_of(slot)];
  if (awaited.empty() || !matches(awaited.front(), opcode, payload)) {
    on_unexpected(slot, opcode, payload, now);
    return;
  }
  take(awaited.front(), now);
  awaited.erase(awaited.begin());
}

void EchoWorkload::on_unexpected(Slot slot, Opcode opcode, std::string_view payload, SteadyTime now) {
  auto& awaited = awaited_[index_of(slot)];
  const auto later =
      std::find_if(awaited.begin(), awaited.end(), [&](const Awaited& each) { return matches(each, opcode, payload); });
  if (later != awaited.end()) {
    ++tally_.echoes.reordered;
    take(*later, now);
    awaited.erase(later);
    return;
  }
  EchoId id;
  const bool header = payload.size() >= kEchoHeaderBytes && read_hex(payload.substr(0, 8), id.client) &&
                      read_hex(payload.substr(8, 8), id.sequence) && read_hex(payload.substr(16, 16), id.sent_ns);
  const auto awaits = [&](const Awaited& each) { return each.sequence == id.sequence; };
  const bool awaited_still = std::any_of(awaited_.begin(), awaited_.end(), [&](const std::vector<Awaited>& each) {
    return std::any_of(each.begin(), each.end(), awaits);
  });
  const bool second_answer = header && id.client == client_ && id.sequence < next_sequence_ && !awaited_still &&
                             payload == echo_payload(id, rules_.payload_bytes);
  ++(second_answer ? tally_.echoes.duplicate : tally_.echoes.corrupt);
}

void EchoWorkload::on_end(Slot slot, bool deaf_restart, SteadyTime now) {
  auto& awaited = awaited_[index_of(slot)];
  tally_.echoes.lost += awaited.size();
  if (deaf_restart) tally_.echoes.lost_deaf += awaited.size();
  awaited = {};
  if (due_ == kNever) reschedule(now);
}

}  // namespace sluice::loadgen
