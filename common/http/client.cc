#include "common/http/client.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "common/http/transfer.h"

namespace sluice::http {
namespace {

using internal::Transfer;

/// Calls and streams of one client at a time; one more is refused.
constexpr std::size_t kTransfersMax = 4096;
/// Easy handles that are kept for the next call: making one costs more than the call's own memory.
constexpr std::size_t kIdleHandlesMax = 16;
/// libcurl's own ceiling for its poll; the loop is woken by what matters.
constexpr Duration kPollMax{60'000};
/// libcurl's every step goes through all that is under way. Where that is more than so many, what comes within kGather
/// is taken in one step: with 200 calls at once this halves the loop's CPU.
constexpr std::size_t kManyTransfers = 24;
constexpr Duration kGather{2};
/// Streams on one connection, where the server allows them; Kubernetes' API server allows 100.
constexpr long kStreamsPerConnectionMax = 100;

void init_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

/// OpenSSL writes with write(2): without this a peer that has gone would kill the process.
void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

/// The loop: takes what callers submit, drives libcurl, tells ends. Shared with the streams, which may outlive the
/// Client.
class Client::Loop {
 public:
  explicit Loop(Options options);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();
  void stop();
  /// Where it cannot be taken, its end is told at once, on this thread.
  void submit(const std::shared_ptr<Transfer>& transfer);
  /// Cancels and waits until no callback runs; on the loop's own thread there is nothing to wait for.
  void detach(const std::shared_ptr<Transfer>& transfer);
  void set_tls(TlsOptions tls);
  [[nodiscard]] bool on_loop_thread() const { return thread_ == std::this_thread::get_id(); }

 private:
  bool take_commands();
  void begin(const std::shared_ptr<Transfer>& transfer);
  void reap();
  void expire();
  void finish(Transfer& transfer, Result<Response> result);
  void recycle(CURL* handle);
  void leave_connections(const std::shared_ptr<internal::ConnectionPool>& silent);
  void wake() { curl_multi_wakeup(multi_); }

  std::mutex mutex_;
  std::condition_variable detached_;
  std::vector<std::shared_ptr<Transfer>> submitted_;
  std::vector<std::shared_ptr<Transfer>> cancelled_;
  internal::Common common_;
  std::size_t transfers_ = 0;  // submitted and not yet detached
  bool stopping_ = false;
  std::atomic<std::thread::id> thread_{};

  // Of the loop's thread alone.
  CURLM* multi_;
  std::unordered_map<Transfer*, std::shared_ptr<Transfer>> active_;
  std::vector<CURL*> idle_handles_;
  SteadyTime next_check_ = SteadyTime::max();
};

Client::Loop::Loop(Options options) {
  init_curl_once();
  common_.tls = std::make_shared<const TlsOptions>(std::move(options.tls));
  common_.pool = std::make_shared<internal::ConnectionPool>();
  common_.http2 = options.http2;
  common_.connect_timeout = options.connect_timeout;
  common_.peer_lost_after = options.peer_lost_after;
  common_.user_agent = std::move(options.user_agent);
  common_.proxy_url = internal::curl_proxy(std::move(options.proxy_url));
  multi_ = curl_multi_init();
  assert(multi_ != nullptr);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, long{CURLPIPE_MULTIPLEX});
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, options.connections_max);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, options.connections_max);
  curl_multi_setopt(multi_, CURLMOPT_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
}

Client::Loop::~Loop() {
  for (CURL* handle : idle_handles_) curl_easy_cleanup(handle);
  curl_multi_cleanup(multi_);
}

void Client::Loop::submit(const std::shared_ptr<Transfer>& transfer) {
  const char* refused = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refused = "the client is shut down";
    } else if (transfers_ >= kTransfersMax) {
      refused = "too many calls are under way";
    } else {
      ++transfers_;
      submitted_.push_back(transfer);
      wake();
      return;
    }
    transfer->detached = true;
  }
  transfer->end(transfer->error(ErrorCode::kUnavailable, refused));
}

void Client::Loop::detach(const std::shared_ptr<Transfer>& transfer) {
  transfer->cancelled = true;
  std::unique_lock lock(mutex_);
  if (transfer->detached) return;
  cancelled_.push_back(transfer);
  wake();
  if (on_loop_thread()) return;
  detached_.wait(lock, [&] { return transfer->detached; });
}

void Client::Loop::set_tls(TlsOptions tls) {
  const std::lock_guard lock(mutex_);
  // libcurl reuses a connection only where roots and certificate are the same, so old ones just fall out of use.
  common_.tls = std::make_shared<const TlsOptions>(std::move(tls));
}

void Client::Loop::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  wake();
}

void Client::Loop::run() {
  thread_ = std::this_thread::get_id();
  block_sigpipe();
  while (take_commands()) {
    int running = 0;
    curl_multi_perform(multi_, &running);
    reap();
    expire();
    const auto until_check = next_check_ - std::chrono::steady_clock::now();
    const auto wait = std::clamp(std::chrono::ceil<Duration>(until_check), Duration(0), kPollMax);
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(wait.count()), nullptr);
    if (active_.size() > kManyTransfers) std::this_thread::sleep_for(kGather);
  }
  while (!active_.empty()) {
    Transfer& transfer = *active_.begin()->second;
    finish(transfer, transfer.error(ErrorCode::kUnavailable, "the client is shut down"));
  }
}

/// False once the loop is to end; what was submitted until then is active by that time.
bool Client::Loop::take_commands() {
  std::vector<std::shared_ptr<Transfer>> submitted;
  std::vector<std::shared_ptr<Transfer>> cancelled;
  bool stopping = false;
  {
    const std::lock_guard lock(mutex_);
    submitted.swap(submitted_);
    cancelled.swap(cancelled_);
    stopping = stopping_;
  }
  for (const auto& transfer : submitted) begin(transfer);
  for (const auto& transfer : cancelled) {
    if (active_.count(transfer.get()) != 0) {
      finish(*transfer, transfer->error(ErrorCode::kUnavailable, "cancelled"));
    }
  }
  return !stopping;
}

void Client::Loop::begin(const std::shared_ptr<Transfer>& transfer) {
  CURL* handle = nullptr;
  if (idle_handles_.empty()) {
    handle = curl_easy_init();
  } else {
    handle = idle_handles_.back();
    idle_handles_.pop_back();
  }
  internal::Common common;
  {
    const std::lock_guard lock(mutex_);
    common = common_;
  }
  active_.emplace(transfer.get(), transfer);
  if (handle == nullptr) {
    finish(*transfer, transfer->error(ErrorCode::kInternal, "out of memory"));
    return;
  }
  if (Status ready = transfer->prepare(handle, common); !ready) {
    finish(*transfer, ready.error());
    return;
  }
  if (const CURLMcode code = curl_multi_add_handle(multi_, handle); code != CURLM_OK) {
    finish(*transfer, transfer->error(ErrorCode::kInternal, curl_multi_strerror(code)));
    return;
  }
  next_check_ = std::min(next_check_, transfer->check_at(std::chrono::steady_clock::now()));
}

void Client::Loop::reap() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Transfer* key = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &key);
    const CURLcode code = message->data.result;
    assert(active_.count(key) != 0);
    finish(*key, key->outcome(code));
  }
}

void Client::Loop::expire() {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now < next_check_) return;
  std::vector<std::shared_ptr<Transfer>> expired;
  next_check_ = SteadyTime::max();
  for (const auto& [key, transfer] : active_) {
    if (key->due() <= now) {
      expired.push_back(transfer);
    } else {
      next_check_ = std::min(next_check_, key->check_at(now));
    }
  }
  for (const auto& transfer : expired) {
    if (transfer->waits_in_silence()) leave_connections(transfer->pool());
    finish(*transfer, transfer->timed_out());
  }
}

/// What begins from now on uses none of these. Streams that still live on one of them go on there.
void Client::Loop::leave_connections(const std::shared_ptr<internal::ConnectionPool>& silent) {
  const std::lock_guard lock(mutex_);
  if (common_.pool == silent) common_.pool = std::make_shared<internal::ConnectionPool>();
}

void Client::Loop::finish(Transfer& transfer, Result<Response> result) {
  if (CURL* handle = transfer.handle(); handle != nullptr) {
    curl_multi_remove_handle(multi_, handle);
    recycle(handle);
    transfer.leave_pool();
  }
  const auto kept = active_.extract(&transfer);  // alive until this returns
  transfer.end(std::move(result));
  const std::lock_guard lock(mutex_);
  transfer.detached = true;
  --transfers_;
  detached_.notify_all();
}

void Client::Loop::recycle(CURL* handle) {
  curl_easy_setopt(handle, CURLOPT_SHARE, nullptr);  // which a reset leaves
  if (idle_handles_.size() >= kIdleHandlesMax) {
    curl_easy_cleanup(handle);
    return;
  }
  curl_easy_reset(handle);
  idle_handles_.push_back(handle);
}

struct Client::Impl {
  explicit Impl(Options options) : loop(std::make_shared<Loop>(std::move(options))), thread([this] { loop->run(); }) {}
  ~Impl() {
    loop->stop();
    thread.join();
  }

  std::shared_ptr<Loop> loop;
  std::thread thread;
};

/// The owner's end of a stream.
class Client::StreamHandle final : public Stream {
 public:
  StreamHandle(std::shared_ptr<Loop> loop, std::shared_ptr<Transfer> transfer)
      : loop_(std::move(loop)), transfer_(std::move(transfer)) {}
  ~StreamHandle() override { loop_->detach(transfer_); }

 private:
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Transfer> transfer_;
};

std::string_view Response::header(std::string_view name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const auto& entry) { return entry.first == name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

Result<Response> Client::send(Request request) {
  assert(!impl_->loop->on_loop_thread());
  // Shared: the loop may still be inside set_value when the waiter has its answer and leaves.
  auto answer = std::make_shared<std::promise<Result<Response>>>();
  std::future<Result<Response>> waiting = answer->get_future();
  send_async(std::move(request), [answer](Result<Response> result) { answer->set_value(std::move(result)); });
  return waiting.get();
}

void Client::send_async(Request request, std::function<void(Result<Response>)> done) {
  StreamCallbacks callbacks;
  callbacks.on_end = std::move(done);
  impl_->loop->submit(std::make_shared<Transfer>(std::move(request), std::move(callbacks), false, Duration(0)));
}

std::unique_ptr<Stream> Client::stream(Request request, StreamCallbacks callbacks, Duration idle_timeout) {
  auto transfer = std::make_shared<Transfer>(std::move(request), std::move(callbacks), true, idle_timeout);
  impl_->loop->submit(transfer);
  return std::make_unique<StreamHandle>(impl_->loop, std::move(transfer));
}

void Client::shut_down() {
  impl_->loop->stop();
}

void Client::set_tls(TlsOptions tls) {
  impl_->loop->set_tls(std::move(tls));
}

}  // namespace sluice::http
