#include "bench/loadgen/task.h"

#include <openssl/evp.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace sluice::loadgen {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr auto kRefusedPause = std::chrono::milliseconds(500);

std::string hexadecimal(const unsigned char* bytes, unsigned size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text.push_back(kDigits[bytes[i] >> 4]);
    text.push_back(kDigits[bytes[i] & 0xF]);
  }
  return text;
}

}  // namespace

struct DigestOracle::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  std::vector<unsigned char> chunk;
};

DigestOracle::DigestOracle(std::uint32_t megabytes)
    : context_(std::make_unique<Context>()), size_(megabytes * kMegabyte) {
  EVP_DigestInit_ex(context_->digest.get(), EVP_sha256(), nullptr);
}

DigestOracle::~DigestOracle() = default;

bool DigestOracle::advance(std::uint64_t bytes) {
  if (done()) return true;
  auto& chunk = context_->chunk;
  chunk.resize(std::min(bytes, size_ - offset_));
  for (std::uint64_t i = 0; i < chunk.size(); ++i) {
    chunk[i] = static_cast<unsigned char>((offset_ + i) * 2'654'435'761ULL >> 24);
  }
  EVP_DigestUpdate(context_->digest.get(), chunk.data(), chunk.size());
  offset_ += chunk.size();
  if (offset_ < size_) return false;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context_->digest.get(), digest, &size);
  hex_ = hexadecimal(digest, size);
  context_.reset();
  return true;
}

TaskWorkload::TaskWorkload(const TaskRules& rules, Tally& tally, Random& random, SteadyTime now)
    : rules_(rules), tally_(tally), random_(random), next_at_(now) {}

SteadyTime TaskWorkload::due() const {
  const bool room = in_flight() < rules_.in_flight;
  return room && next_at_ < rules_.until ? next_at_ : kNever;
}

Outgoing TaskWorkload::make(Slot slot, SteadyTime now) {
  const std::uint64_t id = next_id_++;
  awaited_[index_of(slot)].emplace(id, now);
  ++tally_.tasks.sent;
  return {Opcode::kText,
          "{\"id\":" + std::to_string(id) + ",\"digest\":{\"megabytes\":" + std::to_string(rules_.megabytes) + "}}", 1};
}

void TaskWorkload::on_message(Slot slot, Opcode opcode, std::string_view payload, SteadyTime now) {
  auto& awaited = awaited_[index_of(slot)];
  const auto answer = nlohmann::json::parse(payload, nullptr, false);
  const bool numbered =
      opcode == Opcode::kText && answer.is_object() && answer.contains("id") && answer["id"].is_number_unsigned();
  const auto task = numbered ? awaited.find(answer["id"].get<std::uint64_t>()) : awaited.end();
  if (task == awaited.end()) {
    ++tally_.tasks.wrong;
    return;
  }
  if (answer.contains("error")) {
    ++tally_.tasks.refused;
    next_at_ = now + std::chrono::duration_cast<Duration>(kRefusedPause * (1.0 + random_.unit()));
  } else if (answer.value("sha256", nlohmann::json()) == rules_.sha256 &&
             answer.value("megabytes", nlohmann::json()) == rules_.megabytes) {
    ++tally_.tasks.answered;
    tally_.task_latency.record(std::chrono::duration_cast<std::chrono::microseconds>(now - task->second));
  } else {
    ++tally_.tasks.wrong;
  }
  awaited.erase(task);
}

void TaskWorkload::on_end(Slot slot, bool /*deaf_restart*/, SteadyTime /*now*/) {
  auto& awaited = awaited_[index_of(slot)];
  tally_.tasks.lost += awaited.size();
  awaited.clear();
}

}  // namespace sluice::loadgen
