// How other threads reach a shard: a bounded queue of calls that the shard's own thread carries out.
// Threads: any may post; one takes.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <vector>

#include "common/base/mutex.h"

namespace sluice::gateway {

class Mailbox {
 public:
  using Mail = std::function<void()>;

  /// Holds at most `mails_max` mails, and no more once they weigh `bytes_max`.
  Mailbox(std::size_t mails_max, std::size_t bytes_max) : mails_max_(mails_max), bytes_max_(bytes_max) {}

  /// False where the box is full or closed; `mail` is dropped then. For shards, which must never wait for each other.
  /// `bytes`: what the mail keeps in memory beyond itself.
  bool try_post(Mail mail, std::size_t bytes = 0);
  /// Waits for room; false where the box is closed. For workers, whose results must not be lost; never call it on the
  /// thread that takes.
  bool post(Mail mail);
  /// Moves at most `most` mails into `out`, oldest first. True where more are left.
  [[nodiscard]] bool take(std::vector<Mail>& out, std::size_t most);
  /// Drops what is there and everything posted later, and frees those who wait in post().
  void close();

 private:
  struct Letter {
    Mail mail;
    std::size_t bytes = 0;
  };
  [[nodiscard]] bool full() const REQUIRES(mutex_) { return mails_.size() >= mails_max_ || bytes_ >= bytes_max_; }

  const std::size_t mails_max_;
  const std::size_t bytes_max_;
  Mutex mutex_;
  Condition room_;
  std::deque<Letter> mails_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::gateway
