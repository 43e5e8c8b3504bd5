#include "gateway/engine/event_loop.h"

#include <algorithm>
#include <utility>

namespace sluice::gateway {

EventLoop::EventLoop(std::unique_ptr<Io> io, const Clock& clock)
    : io_(std::move(io)),
      clock_(clock),
      mailbox_(kMailsMax, kMailBytesMax),
      now_(clock.steady()),
      timers_(now_),
      last_tick_(now_.time_since_epoch().count()) {}

void EventLoop::run(LoopHandler& handler) {
  while (!stopping_.load(std::memory_order_acquire)) run_once(handler, kWaitMax);
  mailbox_.close();
}

void EventLoop::run_once(LoopHandler& handler, Duration at_most) {
  // Counted from now, not from when the last tick began: what it took would make timers late.
  const bool again = std::exchange(tick_again_, false);
  const Duration wait = again ? Duration::zero() : timers_.until_next(clock_.steady(), at_most);
  const std::span<const Completion> completions = io_->poll(wait);
  now_ = clock_.steady();
  last_tick_.store(now_.time_since_epoch().count(), std::memory_order_relaxed);
  // Mail first: what was posted before a request came in is known when the request is handled.
  if (mailbox_.take(mails_, kMailsPerTick)) tick_again();
  for (Mailbox::Mail& mail : mails_) mail();
  mails_.clear();
  for (const Completion& completion : completions) handler.on_completion(completion);
  timers_.advance(now_, kTimersPerTick, [&handler](TimerNode& node) { handler.on_timer(node.token); });
  handler.on_tick_end();
}

bool EventLoop::try_post(Mailbox::Mail mail, std::size_t bytes) {
  if (!mailbox_.try_post(std::move(mail), bytes)) return false;
  io_->wake();
  return true;
}

bool EventLoop::post(Mailbox::Mail mail) {
  if (!mailbox_.post(std::move(mail))) return false;
  io_->wake();
  return true;
}

void EventLoop::stop() {
  stopping_.store(true, std::memory_order_release);
  io_->wake();
}

}  // namespace sluice::gateway
