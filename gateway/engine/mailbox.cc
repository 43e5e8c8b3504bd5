#include "gateway/engine/mailbox.h"

#include <utility>

namespace sluice::gateway {

bool Mailbox::try_post(Mail mail, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (closed_ || full()) return false;
  mails_.push_back(std::move(mail));
  bytes_ += bytes;
  return true;
}

bool Mailbox::post(Mail mail) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return closed_ || !full(); });
  if (closed_) return false;
  mails_.push_back(std::move(mail));
  return true;
}

bool Mailbox::take(std::vector<Mail>& out) {
  out.clear();
  {
    const std::lock_guard lock(mutex_);
    out.swap(mails_);
    bytes_ = 0;
  }
  if (out.empty()) return false;
  room_.notify_all();
  return true;
}

void Mailbox::close() {
  std::vector<Mail> dropped;  // Dies outside of the lock: a mail may hold anything.
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    dropped.swap(mails_);
  }
  room_.notify_all();
}

}  // namespace sluice::gateway
