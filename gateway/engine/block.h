// Immutable bytes with a reference count: a message is encoded once and every receiver's send queue, on any shard,
// shares the one block.
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace sluice::gateway {

/// A reference to a block. Threads: any (the count is atomic); the bytes are written before the block is shared.
class BlockRef {
 public:
  BlockRef() = default;
  BlockRef(const BlockRef& other) : block_(other.block_) {
    if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  }
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef() {
    if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) ::operator delete(block_);
  }

  /// A block of `size` bytes, not initialised: the maker fills `writable()` before it shares the block.
  static BlockRef make(std::size_t size) {
    assert(size <= UINT32_MAX);
    BlockRef made;
    made.block_ = new (::operator new(sizeof(Block) + size)) Block{{1}, static_cast<std::uint32_t>(size)};
    return made;
  }
  static BlockRef copy_of(std::string_view bytes) {
    BlockRef made = make(bytes.size());
    if (!bytes.empty()) std::memcpy(made.writable(), bytes.data(), bytes.size());
    return made;
  }

  explicit operator bool() const { return block_ != nullptr; }
  [[nodiscard]] std::size_t size() const { return block_->size; }
  [[nodiscard]] const char* data() const { return reinterpret_cast<const char*>(block_ + 1); }
  [[nodiscard]] std::string_view view() const { return {data(), size()}; }
  [[nodiscard]] char* writable() { return reinterpret_cast<char*>(block_ + 1); }

 private:
  struct Block {
    std::atomic<std::uint32_t> references;
    std::uint32_t size;
  };
  Block* block_ = nullptr;
};

/// What a block costs besides its bytes (its head, the allocator's, its place in a queue): send queues count it, or a
/// million one-byte messages would hide behind their payload.
inline constexpr std::size_t kBlockOverheadBytes = 48;

}  // namespace sluice::gateway
