// What a connection still has to send: a queue of shared blocks. Empty it costs 24 bytes; with one block, which is what
// an answered request needs, it allocates nothing. Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

#include "gateway/engine/block.h"
#include "gateway/engine/io.h"

namespace sluice::gateway {

class SendQueue {
 public:
  void push(BlockRef block);
  [[nodiscard]] bool empty() const { return !first_; }
  /// Memory held: unsent bytes and kBlockOverheadBytes a block. What the watermarks are compared with.
  [[nodiscard]] std::size_t cost() const { return cost_; }

  /// The next bytes to send, into `slices`; answers how many entries were filled.
  std::size_t gather(std::span<Slice> slices) const;
  /// Forgets the first `bytes` bytes, which were sent.
  void consume(std::size_t bytes);
  /// Drops every block that has not begun; a block of which a part is sent stays, since a frame cannot be taken back.
  /// `sending`: bytes from the front that are in a send under way and must stay, too.
  void drop_unsent(std::size_t sending);
  void clear();

 private:
  void pop_first();

  BlockRef first_;
  std::unique_ptr<std::deque<BlockRef>> rest_;
  std::uint32_t offset_ = 0;  ///< Bytes of first_ that were sent.
  std::uint32_t cost_ = 0;
};

static_assert(sizeof(SendQueue) == 24, "part of every connection's memory");

}  // namespace sluice::gateway
