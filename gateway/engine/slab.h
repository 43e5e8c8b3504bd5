// An arena of objects with stable addresses and ids. An id holds the slot's generation: once its object is erased the
// id finds nothing, also after the slot has a new tenant. That is how a late completion of a dead connection, or a
// task's result for it, is recognised. Threads: one.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace sluice::gateway {

/// Generation in the upper half, index in the lower; never 0.
using SlabId = std::uint64_t;

template <typename T>
class Slab {
 public:
  /// At most `slots_max` objects live at once.
  explicit Slab(std::uint32_t slots_max) : slots_max_(slots_max) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (std::uint32_t index = 0; index < slots_; ++index) {
      Slot& slot = slot_at(index);
      if (slot.generation & 1) slot.object()->~T();
    }
  }

  /// A new object; {0, nullptr} where the slab is full.
  template <typename... Args>
  std::pair<SlabId, T*> make(Args&&... args) {
    if (first_free_ == kNone && !grow()) return {0, nullptr};
    const std::uint32_t index = first_free_;
    Slot& slot = slot_at(index);
    first_free_ = slot.next_free;
    ++slot.generation;  // Odd: taken.
    T* object = new (slot.storage) T(std::forward<Args>(args)...);
    ++size_;
    return {id_of(index, slot.generation), object};
  }

  /// The object, or nullptr where it was erased.
  [[nodiscard]] T* find(SlabId id) {
    const auto index = static_cast<std::uint32_t>(id);
    if (index >= slots_) return nullptr;
    Slot& slot = slot_at(index);
    return slot.generation == static_cast<std::uint32_t>(id >> 32) && (slot.generation & 1) ? slot.object() : nullptr;
  }

  void erase(SlabId id) {
    T* object = find(id);
    assert(object != nullptr);
    object->~T();
    const auto index = static_cast<std::uint32_t>(id);
    Slot& slot = slot_at(index);
    ++slot.generation;  // Even: free.
    slot.next_free = first_free_;
    first_free_ = index;
    --size_;
  }

  /// The id that the next make() will give; 0 where the slab is full. For objects that keep their own id.
  [[nodiscard]] SlabId next_id() {
    if (first_free_ == kNone && !grow()) return 0;
    return id_of(first_free_, slot_at(first_free_).generation + 1);
  }

  /// Objects alive.
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// Slots ever used: a walk over all objects asks slot_id() for each index below this.
  [[nodiscard]] std::uint32_t slots() const { return slots_; }
  /// The id of the object in slot `index`; 0 where the slot is free.
  [[nodiscard]] SlabId slot_id(std::uint32_t index) {
    const Slot& slot = slot_at(index);
    return slot.generation & 1 ? id_of(index, slot.generation) : 0;
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::uint32_t kChunkSlots = 256;

  struct Slot {
    alignas(T) unsigned char storage[sizeof(T)];
    std::uint32_t generation = 0;
    std::uint32_t next_free = kNone;
    T* object() { return std::launder(reinterpret_cast<T*>(storage)); }
  };

  static SlabId id_of(std::uint32_t index, std::uint32_t generation) {
    return (static_cast<SlabId>(generation) << 32) | index;
  }
  Slot& slot_at(std::uint32_t index) { return chunks_[index / kChunkSlots][index % kChunkSlots]; }

  bool grow() {
    if (slots_ >= slots_max_) return false;
    if (slots_ % kChunkSlots == 0) chunks_.push_back(std::make_unique<Slot[]>(kChunkSlots));
    first_free_ = slots_++;
    slot_at(first_free_).next_free = kNone;
    return true;
  }

  std::vector<std::unique_ptr<Slot[]>> chunks_;
  std::uint32_t slots_max_;
  std::uint32_t slots_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t first_free_ = kNone;
};

}  // namespace sluice::gateway
