// For tests: an API server that says what a test wants it to say, right or wrong. What is true of a real one is tested
// against a real one (tests/integration/kube).
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/http/loopback_server.h"
#include "common/kube/config.h"

namespace sluice::kube {

/// A whole HTTP response.
std::string answer(int status, const std::string& body, const std::string& headers = "");
/// A watch that goes on after `events`, until the client closes it.
std::string open_watch(const std::string& events);
/// One line of a watch: an object's type of event, name, resource version and, as `data.value`, the same.
std::string watch_line(const std::string& type, const std::string& name, const std::string& version);
/// The line that ends the state of a WatchList.
std::string end_of_state_line(const std::string& version);

/// As an answer: none, the connection ends instead. (After a first line, or libcurl would ask again by itself.)
inline constexpr const char* kHangUp = "HTTP/1.1 200 OK\r\n";

/// Answers requests, of whatever connection, and keeps what was asked. An answer that is empty is never given.
class FakeApi {
 public:
  /// What to answer to a request (head and body as they came); called on threads of the server's, several at a time.
  using Handler = std::function<std::string(const std::string& request)>;
  explicit FakeApi(Handler handler);
  /// From a list; after its end: 404.
  explicit FakeApi(std::deque<std::string> answers);

  [[nodiscard]] Config config() const;
  std::vector<std::string> requests();
  /// The first line of request number `i`: "GET /api/v1/pods"; empty where there was none.
  std::string asked(std::size_t i);
  /// Its body.
  std::string body(std::size_t i);

 private:
  void serve(http::LoopbackConnection& connection);

  const Handler handler_;
  Mutex mutex_;
  std::vector<std::string> requests_ GUARDED_BY(mutex_);
  http::LoopbackServer server_;  // last: its threads use what stands above
};

}  // namespace sluice::kube
