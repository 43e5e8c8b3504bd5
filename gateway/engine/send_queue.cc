#include "gateway/engine/send_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sluice::gateway {

void SendQueue::push(BlockRef block) {
  assert(block);
  if (block.size() == 0) return;
  cost_ += static_cast<std::uint32_t>(block.size() + kBlockOverheadBytes);
  if (!first_) {
    first_ = std::move(block);
    return;
  }
  if (!rest_) rest_ = std::make_unique<std::deque<BlockRef>>();
  rest_->push_back(std::move(block));
}

std::size_t SendQueue::gather(std::span<Slice> slices) const {
  if (!first_ || slices.empty()) return 0;
  slices[0] = {first_.data() + offset_, first_.size() - offset_};
  std::size_t filled = 1;
  if (!rest_) return filled;
  for (const BlockRef& block : *rest_) {
    if (filled == slices.size()) break;
    slices[filled++] = {block.data(), block.size()};
  }
  return filled;
}

void SendQueue::pop_first() {
  cost_ -= static_cast<std::uint32_t>(first_.size() - offset_ + kBlockOverheadBytes);
  offset_ = 0;
  if (!rest_) {
    first_ = BlockRef();
    return;
  }
  first_ = std::move(rest_->front());
  rest_->pop_front();
  if (rest_->empty()) rest_.reset();  // An idle connection holds no queue.
}

void SendQueue::consume(std::size_t bytes) {
  while (bytes > 0) {
    assert(first_);
    const std::size_t left = first_.size() - offset_;
    if (bytes < left) {
      offset_ += static_cast<std::uint32_t>(bytes);
      cost_ -= static_cast<std::uint32_t>(bytes);
      return;
    }
    bytes -= left;
    pop_first();
  }
}

void SendQueue::drop_unsent(std::size_t sending) {
  if (!first_) return;
  std::size_t kept_bytes = first_.size() - offset_;
  if (offset_ == 0 && sending == 0) {
    clear();
    return;
  }
  if (!rest_) return;
  std::size_t kept = 0;
  while (kept < rest_->size() && kept_bytes < sending) kept_bytes += (*rest_)[kept++].size();
  for (std::size_t i = kept; i < rest_->size(); ++i) {
    cost_ -= static_cast<std::uint32_t>((*rest_)[i].size() + kBlockOverheadBytes);
  }
  rest_->resize(kept);
  if (rest_->empty()) rest_.reset();
}

void SendQueue::clear() {
  first_ = BlockRef();
  rest_.reset();
  offset_ = 0;
  cost_ = 0;
}

}  // namespace sluice::gateway
