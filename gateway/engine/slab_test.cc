#include "gateway/engine/slab.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

namespace sluice::gateway {
namespace {

TEST_CASE("a slab's id finds its object until it is erased, and nothing afterwards") {
  Slab<int> slab(1000);
  const auto [id, object] = slab.make(7);
  REQUIRE(object != nullptr);
  CHECK(id >= (SlabId{1} << 32));  // Small numbers stay free for other tokens.
  CHECK(slab.find(id) == object);
  slab.erase(id);
  CHECK(slab.find(id) == nullptr);
  const auto [next_id, next] = slab.make(8);
  CHECK(next == object);  // The slot has a new tenant ...
  CHECK(next_id != id);
  CHECK(slab.find(id) == nullptr);  // ... whom the old id does not find.
  CHECK(*slab.find(next_id) == 8);
}

TEST_CASE("a slab refuses more objects than it has slots") {
  Slab<int> slab(2);
  const SlabId first = slab.make(1).first;
  CHECK(slab.make(2).second != nullptr);
  CHECK(slab.next_id() == 0);
  CHECK(slab.make(3).second == nullptr);
  slab.erase(first);
  const SlabId next = slab.next_id();
  CHECK(slab.make(4).first == next);
  CHECK(slab.size() == 2);
}

TEST_CASE("objects stay where they are while a slab grows, and die with it") {
  const auto alive = std::make_shared<int>(0);
  {
    Slab<std::shared_ptr<int>> slab(10'000);
    std::vector<std::pair<SlabId, std::shared_ptr<int>*>> made;
    made.reserve(1000);
    for (int i = 0; i < 1000; ++i) made.push_back(slab.make(alive));
    for (const auto& [id, object] : made) CHECK(slab.find(id) == object);
    for (std::size_t i = 0; i < made.size(); i += 2) slab.erase(made[i].first);
    CHECK(alive.use_count() == 501);
    std::uint32_t seen = 0;
    for (std::uint32_t index = 0; index < slab.slots(); ++index) seen += slab.slot_id(index) != 0 ? 1 : 0;
    CHECK(seen == slab.size());
  }
  CHECK(alive.use_count() == 1);
}

TEST_CASE("a slab finds nothing for ids that were never given") {
  Slab<int> slab(10);
  slab.make(1);
  CHECK(slab.find(0) == nullptr);
  CHECK(slab.find(5) == nullptr);
  CHECK(slab.find((SlabId{3} << 32) | 9) == nullptr);
}

}  // namespace
}  // namespace sluice::gateway
