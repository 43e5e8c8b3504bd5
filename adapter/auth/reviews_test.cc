#include "adapter/auth/reviews.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <thread>

#include "common/http/server.h"

namespace sluice::adapter {
namespace {

// An API server that answers every review with yes, and holds back those of strangers and slow users until it is told
// to release them.
class FakeApiServer {
 public:
  FakeApiServer() {
    http::ServerOptions options;
    options.address = "127.0.0.1";
    auto started = http::Server::start(options, [this](const http::ServerRequest& request) {
      const bool slow = request.body.find("slow") != std::string::npos;
      if (slow || request.body.find(kAnonymous) != std::string::npos) {
        ++held;
        released_.wait();
      }
      return http::ServerResponse::json(201, R"({"status":{"authenticated":true,"user":{"username":"robot"},)"
                                             R"("allowed":true,"reason":")" +
                                                 std::string(5000, 'x') + R"("}})");
    });
    REQUIRE(started.ok());
    server_ = std::move(*started);
  }
  ~FakeApiServer() { release(); }
  void release() {
    if (!done_) release_.set_value();
    done_ = true;
  }
  void wait_until_held(int count) const {
    while (held < count) std::this_thread::yield();
  }
  kube::Config config() const {
    kube::Config out;
    out.server = "http://127.0.0.1:" + std::to_string(server_->port());
    return out;
  }
  std::atomic<int> held = 0;

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  bool done_ = false;
  std::unique_ptr<http::Server> server_;
};

const AccessAttributes kPods{"get", "", "custom.metrics.k8s.io", "v1beta2", "shop", "pods", "m", "*"};
const User kStranger{kAnonymous, "", {kUnauthenticatedGroup}, {}};

User user(const char* name) {
  return {name, "", {}, {}};
}

template <typename T>
void check_sent_away(const Result<T>& answer) {
  REQUIRE_FALSE(answer.ok());
  CHECK(answer.error().code == ErrorCode::kUnavailable);
  CHECK(answer.error().retry_after == std::chrono::seconds(1));
}

TEST_CASE("a flood of unknown tokens or of strangers leaves the users' questions alone") {
  FakeApiServer api;
  kube::Client client(api.config(), "test", nullptr);
  KubeReviews reviews(client, {.tokens = 1, .anonymous = 1, .users = 1});
  auto token = std::async(std::launch::async, [&] { return reviews.review_token("slow"); });
  auto stranger = std::async(std::launch::async, [&] { return reviews.review_access(kStranger, kPods); });
  api.wait_until_held(2);
  for (int i = 0; i < 20; ++i) {
    check_sent_away(reviews.review_token("another"));
    check_sent_away(reviews.review_access(kStranger, kPods));
    CHECK(reviews.review_access(user("alice"), kPods)->allowed);
  }
  api.release();
  CHECK(token.get()->value().name == "robot");
  CHECK(stranger.get()->reason.size() == 1024);
}

TEST_CASE("a user's question waits for a slot, and so many of them and no more") {
  FakeApiServer api;
  kube::Client client(api.config(), "test", nullptr);
  KubeReviews reviews(client, {.users = 1, .users_waiting = 1, .patience = std::chrono::seconds(20)});
  auto slow = std::async(std::launch::async, [&] { return reviews.review_access(user("slow"), kPods); });
  api.wait_until_held(1);
  std::promise<void> sent_away;
  std::atomic<int> allowed = 0;
  const auto ask = [&] {
    const auto decision = reviews.review_access(user("alice"), kPods);
    if (decision) ++allowed;
    if (!decision) sent_away.set_value();
  };
  // One of the two waits, whichever it is; the other is sent away.
  std::thread one(ask), two(ask);
  sent_away.get_future().wait();
  api.release();
  one.join();
  two.join();
  CHECK(allowed == 1);
  CHECK(slow.get()->allowed);
}

}  // namespace
}  // namespace sluice::adapter
