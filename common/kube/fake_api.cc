#include "common/kube/fake_api.h"

#include <memory>

namespace sluice::kube {

std::string answer(int status, const std::string& body, const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string open_watch(const std::string& events) {
  return "HTTP/1.1 200 OK\r\n\r\n" + events;
}

std::string watch_line(const std::string& type, const std::string& name, const std::string& version) {
  return R"({"type":")" + type + R"(","object":{"metadata":{"name":")" + name + R"(","uid":")" + name +
         R"(","resourceVersion":")" + version + R"("},"data":{"value":")" + version + "\"}}}\n";
}

std::string end_of_state_line(const std::string& version) {
  return R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":")" + version +
         R"(","annotations":{"k8s.io/initial-events-end":"true"}}}})"
         "\n";
}

namespace {

FakeApi::Handler from_list(std::deque<std::string> answers) {
  struct List {
    Mutex mutex;
    std::deque<std::string> left GUARDED_BY(mutex);
    explicit List(std::deque<std::string> l) : left(std::move(l)) {}
  };
  auto list = std::make_shared<List>(std::move(answers));
  return [list](const std::string&) {
    const MutexLock lock(list->mutex);
    if (list->left.empty()) return answer(404, "{}");
    std::string next = std::move(list->left.front());
    list->left.pop_front();
    return next;
  };
}

}  // namespace

FakeApi::FakeApi(Handler handler)
    : handler_(std::move(handler)), server_([this](http::LoopbackConnection& connection) { serve(connection); }) {}

FakeApi::FakeApi(std::deque<std::string> answers) : FakeApi(from_list(std::move(answers))) {}

Config FakeApi::config() const {
  Config config;
  config.server = "http://127.0.0.1:" + std::to_string(server_.port());
  return config;
}

std::vector<std::string> FakeApi::requests() {
  const MutexLock lock(mutex_);
  return requests_;
}

std::string FakeApi::asked(std::size_t i) {
  const auto all = requests();
  if (i >= all.size()) return "";
  const std::string line = all[i].substr(0, all[i].find("\r\n"));
  return line.substr(0, line.rfind(' '));
}

std::string FakeApi::body(std::size_t i) {
  const auto all = requests();
  return i >= all.size() ? "" : all[i].substr(all[i].find("\r\n\r\n") + 4);
}

void FakeApi::serve(http::LoopbackConnection& connection) {
  for (std::string request = connection.read_request(); !request.empty(); request = connection.read_request()) {
    {
      const MutexLock lock(mutex_);
      requests_.push_back(request);
    }
    const std::string reply = handler_(request);
    connection.send(reply);
    if (reply == kHangUp) return;
  }
}

}  // namespace sluice::kube
