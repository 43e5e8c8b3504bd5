#include "operator/probes.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "common/base/log.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

constexpr const char* kMetric = "sluice_operator_probes_total";
constexpr const char* kHelp = "Probes of pods that are out of the fleet.";

/// A descriptor that is closed with its scope.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

struct FreeAddress {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Address = std::unique_ptr<addrinfo, FreeAddress>;

Result<Address> numeric_address(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return Error{ErrorCode::kInvalid, text + " names no port"};
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), text.c_str() + colon + 1, &hints, &found); code != 0) {
    return Error{ErrorCode::kInvalid, text + " is no address: " + gai_strerror(code)};
  }
  return Address(found);
}

Error cannot_connect(const std::string& address, int code) {
  return {ErrorCode::kUnavailable, "no connection to " + address + ": " + std::generic_category().message(code)};
}

}  // namespace

Status connect_once(const std::string& address, Duration timeout) {
  const Result<Address> where = numeric_address(address);
  if (!where) return where.error();
  const addrinfo& to = **where;
  const Socket socket(::socket(to.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, to.ai_protocol));
  if (socket.fd() < 0) return cannot_connect(address, errno);
  if (connect(socket.fd(), to.ai_addr, to.ai_addrlen) == 0) return {};
  if (errno != EINPROGRESS) return cannot_connect(address, errno);
  pollfd wait{.fd = socket.fd(), .events = POLLOUT, .revents = 0};
  // A signal makes the wait shorter and the probe fail: the next one will tell.
  const int ready = poll(&wait, 1, static_cast<int>(timeout.count()));
  if (ready <= 0) return cannot_connect(address, ready == 0 ? ETIMEDOUT : errno);
  int code = 0;
  socklen_t size = sizeof code;
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
  if (code != 0) return cannot_connect(address, code);
  return {};
}

Prober::Prober(const Clock& clock, MetricsRegistry& metrics, std::function<void(const std::string& key)> done)
    : clock_(clock),
      done_(std::move(done)),
      ok_(metrics.counter(kMetric, kHelp, {{"result", "ok"}})),
      failed_(metrics.counter(kMetric, kHelp, {{"result", "failed"}})),
      client_({.tls = {}, .http2 = false, .connect_timeout = kProbeTimeout, .user_agent = "sluice-operator-probe"}) {}

Prober::~Prober() {
  stop();
}

void Prober::start() {
  for (int i = 0; i < kProbesInParallelMax; ++i) threads_.emplace_back([this] { run(); });
}

void Prober::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
    changed_.notify_all();
  }
  client_.shut_down();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Prober::probe(const std::string& key, const ProbePod& pod) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[pod.uid];
  entry.key = key;
  if (stopping_ || entry.under_way != 0 || waiting_.size() >= kProbesWaitingMax) return;
  entry.under_way = ++last_number_;
  entry.count.last = clock_.steady();
  waiting_.push_back({key, pod, entry.under_way});
  changed_.notify_one();
}

ProbeCount Prober::of(const std::string& uid) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(uid);
  return found == entries_.end() ? ProbeCount{} : found->second.count;
}

void Prober::forget(const std::string& uid) {
  const std::lock_guard lock(mutex_);
  entries_.erase(uid);
}

void Prober::set_pods(const std::string& key, const std::vector<std::string_view>& uids) {
  const std::lock_guard lock(mutex_);
  const auto named = [&](const std::string& uid) { return std::find(uids.begin(), uids.end(), uid) != uids.end(); };
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.key == key && !named(entry.first); });
}

void Prober::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    const Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    ended(next, ask(next.pod));
    lock.lock();
  }
}

Status Prober::ask(const ProbePod& pod) {
  const SteadyTime begin = clock_.steady();
  Status connected = connect_once(pod.ws_address, kProbeTimeout);
  // A gateway may take clients over TLS alone.
  const auto left = std::chrono::duration_cast<Duration>(begin + kProbeTimeout - clock_.steady());
  if (!connected && left > Duration(0) && connect_once(pod.wss_address, left)) connected = {};
  if (!connected) return connected;
  const auto answer = client_.send(
      {.url = "http://" + pod.metrics_address + "/healthz", .timeout = kProbeTimeout, .response_bytes_max = 4096});
  if (!answer) return answer.error();
  if (answer->status == 200) return {};
  return Error{ErrorCode::kUnavailable, "/healthz answers " + std::to_string(answer->status)};
}

void Prober::ended(const Waiting& probe, const Status& outcome) {
  (outcome ? ok_ : failed_).add();
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(probe.pod.uid);
    if (stopping_ || found == entries_.end() || found->second.under_way != probe.number) return;
    found->second.under_way = 0;
    int& successes = found->second.count.successes;
    successes = outcome ? successes + 1 : 0;
  }
  if (!outcome) {
    log_debug("a probe failed", {{"gateway", probe.key}, {"uid", probe.pod.uid}, {"error", outcome.error().message}});
  }
  done_(probe.key);
}

}  // namespace sluice::op
