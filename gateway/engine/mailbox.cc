#include "gateway/engine/mailbox.h"

#include <utility>

namespace sluice::gateway {

bool Mailbox::try_post(Mail mail, std::size_t bytes) {
  const MutexLock lock(mutex_);
  if (closed_ || full()) return false;
  mails_.push_back({std::move(mail), bytes});
  bytes_ += bytes;
  return true;
}

bool Mailbox::post(Mail mail) {
  const MutexLock lock(mutex_);
  while (!closed_ && full()) room_.wait(mutex_);
  if (closed_) return false;
  mails_.push_back({std::move(mail), 0});
  return true;
}

bool Mailbox::take(std::vector<Mail>& out, std::size_t most) {
  out.clear();
  bool more = false;
  {
    const MutexLock lock(mutex_);
    while (!mails_.empty() && out.size() < most) {
      bytes_ -= mails_.front().bytes;
      out.push_back(std::move(mails_.front().mail));
      mails_.pop_front();
    }
    more = !mails_.empty();
  }
  if (!out.empty()) room_.notify_all();
  return more;
}

void Mailbox::close() {
  std::deque<Letter> dropped;  // Dies outside of the lock: a mail may hold anything.
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    dropped.swap(mails_);
    bytes_ = 0;
  }
  room_.notify_all();
}

}  // namespace sluice::gateway
