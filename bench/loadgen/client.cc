#include "bench/loadgen/client.h"

#include <algorithm>
#include <cmath>

namespace sluice::loadgen {
namespace {

constexpr Duration kWaitMax = 60s;  // However long a peer asks a client to stay away.
constexpr Slot kBothSlots[] = {Slot::kA, Slot::kB};

}  // namespace

Duration Client::up_to(Duration most) {
  return Duration(static_cast<Duration::rep>(random_.unit() * static_cast<double>(most.count())));
}

bool Client::connecting() const {
  return link(Slot::kA).phase == Phase::kConnecting || link(Slot::kB).phase == Phase::kConnecting;
}

std::optional<Slot> Client::free_slot() const {
  for (const Slot slot : kBothSlots) {
    if (link(slot).phase == Phase::kFree) return slot;
  }
  return std::nullopt;
}

int Client::retiring() const {
  return static_cast<int>(std::count_if(links_.begin(), links_.end(), [](const Link& each) {
    return each.phase == Phase::kRetiring || each.phase == Phase::kClosing;
  }));
}

void Client::start() {
  open(Slot::kA, false);
}

void Client::open(Slot slot, bool urgent) {
  link(slot) = {};
  link(slot).phase = Phase::kConnecting;
  wire_.open(id_, slot, urgent);
}

void Client::leave(SteadyTime now) {
  leaving_ = true;
  reconnect_at_ = kNever;
  churn_at_ = kNever;
  for (const Slot slot : kBothSlots) {
    if (link(slot).phase != Phase::kConnecting) continue;
    wire_.drop(id_, slot);
    link(slot) = {};
  }
  if (current_) retire(*current_, now);
}

void Client::reschedule_churn(SteadyTime now) {
  churn_at_ = kNever;
  if (rules_.churn_mean <= 0ms || leaving_) return;
  // Exponential, as lives without memory are; at most ten means, so that nobody stays for ever.
  const double lives = std::min(10.0, -std::log(1.0 - random_.unit()));
  churn_at_ = now + Duration(static_cast<Duration::rep>(lives * static_cast<double>(rules_.churn_mean.count())));
}

void Client::on_open(Slot slot, SteadyTime now) {
  ++tally_.opened;
  attempts_ = 0;
  link(slot).phase = Phase::kOpen;
  const std::optional<Slot> old = current_;
  current_ = slot;
  reconnect_at_ = kNever;
  if (old) {
    ++tally_.overlaps;
    retire(*old, now);
  } else if (opened_before_) {
    ++tally_.reconnects;
  }
  opened_before_ = true;
  reschedule_churn(now);
}

void Client::on_refused(Slot slot, const std::string& reason, std::optional<Duration> retry_after, SteadyTime now) {
  tally_.refused.add(reason);
  link(slot) = {};
  Duration delay = rules_.backoff.delay(attempts_++, random_);
  if (retry_after) delay = std::max(delay, std::min(*retry_after, kWaitMax) + up_to(1s));
  if (current_) {
    link(*current_).move_at = now + delay;
  } else {
    reconnect_at_ = now + delay;
  }
}

void Client::on_message(Slot slot, Opcode opcode, std::string_view payload, SteadyTime now) {
  // To a deaf client a hint is a message that it never asked for, and its workload counts it as wrong.
  if (mode_ != HintMode::kDeaf && opcode == Opcode::kText) {
    if (const auto hint = parse_hint(payload)) {
      on_hint(slot, *hint, now);
      return;
    }
  }
  workload_.on_message(slot, opcode, payload, now);
  if (link(slot).phase == Phase::kRetiring && workload_.outstanding(slot) == 0) send_close(slot, now);
}

void Client::on_hint(Slot slot, const Hint& hint, SteadyTime now) {
  ++tally_.hints;
  Link& hinted = link(slot);
  hinted.hinted = true;
  if (current_ != slot) return;  // It is being left already.
  const auto share = static_cast<Duration::rep>(static_cast<double>(hint.after.count()) * rules_.move_within);
  hinted.move_at = now + up_to(Duration(share));
  hinted.quiet_at = now + std::max(Duration(0), hint.after - rules_.quiet_before_close);
}

void Client::retire(Slot slot, SteadyTime now) {
  if (current_ == slot) current_.reset();
  link(slot).move_at = kNever;
  if (workload_.outstanding(slot) == 0) {
    send_close(slot, now);
    return;
  }
  link(slot).phase = Phase::kRetiring;
  link(slot).give_up_at = now + workload_.answers_wait();
}

void Client::send_close(Slot slot, SteadyTime now) {
  link(slot).phase = Phase::kClosing;
  link(slot).give_up_at = now + rules_.close_wait;
  wire_.close(id_, slot);
}

Duration Client::delay_after(EndClass end_class, const End& end) {
  switch (end_class) {
    case EndClass::kOwn:
      return up_to(rules_.churn_pause);
    case EndClass::kHinted:
      // The reason's time is the gateway's own spread; without it the client spreads a little by itself.
      if (const auto after = parse_close_reason(end.text)) return std::min(*after, kWaitMax);
      return up_to(1s);
    case EndClass::kAbnormal:
      return rules_.backoff.delay(attempts_++, random_);
  }
  return kWaitMax;
}

void Client::on_end(Slot slot, const End& end, SteadyTime now) {
  const bool deaf = mode_ == HintMode::kDeaf;
  const EndVerdict verdict = classify(end, link(slot).hinted, link(slot).phase == Phase::kClosing);
  tally_.count_end(verdict, deaf);
  workload_.on_end(slot, deaf && verdict.end_class == EndClass::kHinted, now);
  link(slot) = {};
  if (current_ == slot) current_.reset();
  const Duration delay = delay_after(verdict.end_class, end);
  if (!leaving_ && !current_ && !connecting() && reconnect_at_ == kNever) reconnect_at_ = now + delay;
}

void Client::give_up_overdue(SteadyTime now) {
  for (const Slot slot : kBothSlots) {
    if (link(slot).give_up_at > now) continue;
    if (link(slot).phase == Phase::kRetiring) {
      ++tally_.retire_timeouts;
      send_close(slot, now);
    } else if (link(slot).phase == Phase::kClosing) {
      wire_.drop(id_, slot);
      on_end(slot, {End::Kind::kTimeout, 0, ""}, now);
    }
  }
}

bool Client::may_talk(SteadyTime now) const {
  return current_ && link(*current_).quiet_at > now;
}

void Client::talk(SteadyTime now) {
  while (may_talk(now) && workload_.due() <= now) wire_.send(id_, *current_, workload_.make(*current_, now));
}

void Client::on_wake(SteadyTime now) {
  give_up_overdue(now);
  if (!leaving_ && workload_.ends_at() <= now) leave(now);
  if (leaving_) return;
  if (!current_ && reconnect_at_ <= now && !connecting()) {
    if (const auto slot = free_slot()) {
      reconnect_at_ = kNever;
      open(*slot, true);
    }
  }
  if (current_ && link(*current_).move_at <= now && link(other(*current_)).phase == Phase::kFree) {
    link(*current_).move_at = kNever;
    open(other(*current_), true);
  }
  if (current_ && churn_at_ <= now && !connecting()) {
    churn_at_ = kNever;
    retire(*current_, now);
  }
  talk(now);
}

SteadyTime Client::wake_at(SteadyTime now) const {
  SteadyTime soonest = std::min(link(Slot::kA).give_up_at, link(Slot::kB).give_up_at);
  if (leaving_) return soonest;
  soonest = std::min(soonest, workload_.ends_at());
  if (!current_) {
    return free_slot() && !connecting() ? std::min(soonest, reconnect_at_) : soonest;
  }
  const Link& talking = link(*current_);
  if (link(other(*current_)).phase == Phase::kFree) soonest = std::min(soonest, talking.move_at);
  if (!connecting()) soonest = std::min(soonest, churn_at_);
  const SteadyTime due = workload_.due();
  return may_talk(now) && due < talking.quiet_at ? std::min(soonest, due) : soonest;
}

}  // namespace sluice::loadgen
