#include "gateway/engine/send_queue.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "common/base/random.h"

namespace sluice::gateway {
namespace {

std::string content(const SendQueue& queue) {
  std::array<Slice, kSlicesMax> slices;
  std::string text;
  const std::size_t count = queue.gather(slices);
  for (std::size_t i = 0; i < count; ++i) text.append(slices[i].data, slices[i].size);
  return text;
}

TEST_CASE("a send queue gives back what was pushed, from where the last send stopped") {
  SendQueue queue;
  CHECK(queue.empty());
  queue.push(BlockRef::copy_of("hello "));
  queue.push(BlockRef::copy_of(""));
  queue.push(BlockRef::copy_of("big "));
  queue.push(BlockRef::copy_of("world"));
  CHECK(content(queue) == "hello big world");
  queue.consume(2);
  CHECK(content(queue) == "llo big world");
  queue.consume(8);
  CHECK(content(queue) == "world");
  queue.consume(5);
  CHECK(queue.empty());
  CHECK(queue.cost() == 0);
}

TEST_CASE("a send queue counts what it holds: bytes not yet sent and a block's overhead") {
  SendQueue queue;
  queue.push(BlockRef::copy_of("0123456789"));
  queue.push(BlockRef::copy_of("x"));
  CHECK(queue.cost() == 11 + 2 * kBlockOverheadBytes);
  queue.consume(4);
  CHECK(queue.cost() == 7 + 2 * kBlockOverheadBytes);
  queue.consume(6);
  CHECK(queue.cost() == 1 + kBlockOverheadBytes);
}

TEST_CASE("dropping keeps the frame that has begun and what a send under way still reads") {
  struct Row {
    const char* name;
    std::size_t consumed;
    std::size_t sending;
    const char* left;
  };
  const Row rows[] = {{"nothing has begun: everything goes", 0, 0, ""},
                      {"a begun frame stays", 1, 0, "aa"},
                      {"a send under way keeps its frames", 0, 4, "aaabbb"},
                      {"a send that ends with a frame keeps no more", 0, 3, "aaa"},
                      {"a send of everything keeps everything", 0, 9, "aaabbbccc"},
                      {"a begun frame and a send", 1, 3, "aabbb"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    SendQueue queue;
    for (const char* text : {"aaa", "bbb", "ccc"}) queue.push(BlockRef::copy_of(text));
    queue.consume(row.consumed);
    queue.drop_unsent(row.sending);
    CHECK(content(queue) == row.left);
    queue.consume(std::string(row.left).size());
    CHECK(queue.cost() == 0);
  }
}

TEST_CASE("a send takes at most its number of slices") {
  SendQueue queue;
  for (std::size_t i = 0; i < kSlicesMax + 10; ++i) queue.push(BlockRef::copy_of("x"));
  CHECK(content(queue).size() == kSlicesMax);
}

TEST_CASE("a queue agrees with a plain string, whatever is pushed and consumed") {
  Random random(7);
  SendQueue queue;
  std::string model;
  for (int step = 0; step < 5000; ++step) {
    if (random.below(2) == 0) {
      const std::string text(random.below(20), static_cast<char>('a' + step % 26));
      queue.push(BlockRef::copy_of(text));
      model += text;
    } else {
      const std::string visible = content(queue);
      CHECK(model.substr(0, visible.size()) == visible);
      const std::size_t count = random.below(visible.size() + 1);
      queue.consume(count);
      model.erase(0, count);
    }
    CHECK(queue.empty() == model.empty());
    CHECK(queue.cost() >= model.size());
  }
}

}  // namespace
}  // namespace sluice::gateway
