#include "gateway/engine/mailbox.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace sluice::gateway {
namespace {

constexpr std::size_t kAll = 1000;

TEST_CASE("mail is taken in the order it was posted, and a full box refuses more") {
  Mailbox box(2, 1000);
  std::vector<int> seen;
  CHECK(box.try_post([&seen] { seen.push_back(1); }));
  CHECK(box.try_post([&seen] { seen.push_back(2); }));
  CHECK(!box.try_post([&seen] { seen.push_back(3); }));
  std::vector<Mailbox::Mail> mails;
  CHECK(!box.take(mails, kAll));
  for (auto& mail : mails) mail();
  CHECK(seen == std::vector<int>{1, 2});
  CHECK(!box.take(mails, kAll));
  CHECK(mails.empty());
}

TEST_CASE("mail is taken in portions, and each makes room for what it held") {
  Mailbox box(3, 1000);
  std::vector<int> seen;
  for (int i = 0; i < 3; ++i) CHECK(box.try_post([&seen, i] { seen.push_back(i); }, 400));
  std::vector<Mailbox::Mail> mails;
  CHECK(box.take(mails, 2));  // More is left.
  for (auto& mail : mails) mail();
  CHECK(seen == std::vector<int>{0, 1});
  CHECK(box.try_post([] {}, 599));
  CHECK(box.try_post([] {}, 1));
  CHECK(!box.try_post([] {}, 1));
  CHECK(!box.take(mails, 3));
  CHECK(mails.size() == 3);
}

TEST_CASE("few mails that weigh much fill a box, too") {
  Mailbox box(1000, 1000);
  CHECK(box.try_post([] {}, 600));
  CHECK(box.try_post([] {}, 600));  // The one that reaches the bound is taken.
  CHECK(!box.try_post([] {}, 1));
  std::vector<Mailbox::Mail> mails;
  CHECK(!box.take(mails, kAll));
  CHECK(mails.size() == 2);
  CHECK(box.try_post([] {}, 1));
}

TEST_CASE("who waits for room gets it when mail is taken, or is freed when the box closes") {
  Mailbox box(1, 1000);
  std::atomic<int> delivered = 0;
  REQUIRE(box.try_post([&delivered] { ++delivered; }));
  std::promise<void> posted;
  std::thread poster([&] {
    CHECK(box.post([&delivered] { ++delivered; }));
    posted.set_value();
    // The box is full again and nobody takes: only closing it ends this wait.
    CHECK(!box.post([&delivered] { ++delivered; }));
  });
  std::vector<Mailbox::Mail> mails;
  while (delivered < 1) {
    CHECK(!box.take(mails, kAll));
    for (auto& mail : mails) mail();
  }
  posted.get_future().wait();
  box.close();
  poster.join();
  CHECK(!box.try_post([] {}));
  CHECK(!box.take(mails, kAll));
  CHECK(mails.empty());
}

}  // namespace
}  // namespace sluice::gateway
