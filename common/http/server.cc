#include "common/http/server.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>

#include "common/base/log.h"
#include "common/http/server_connection.h"
#include "common/http/server_tls.h"
#include "common/http/worker_pool.h"

namespace sluice::http {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using BoostError = boost::system::error_code;
using TlsContext = asio::ssl::context;

constexpr Duration kAcceptPause{100};

class ServerImpl final : public Server, private ConnectionHost {
 public:
  ServerImpl(ServerOptions options, Handler handler, std::shared_ptr<TlsContext> tls)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        tls_(std::move(tls)),
        pool_(options_.workers, static_cast<std::size_t>(options_.queue_max)) {}
  ~ServerImpl() override { stop(Duration(0)); }

  Status listen();
  [[nodiscard]] std::uint16_t port() const override { return port_; }
  Status set_certificate(const std::string& cert_pem, const std::string& key_pem) override;
  void stop(Duration at_most) override;

 private:
  // For connections.
  [[nodiscard]] const ServerOptions& options() const override { return options_; }
  [[nodiscard]] bool stopping() const override { return stopping_; }
  void joined(Connection* connection) override { connections_.insert(connection); }
  void left(Connection* connection) override { connections_.erase(connection); }
  [[nodiscard]] std::uint64_t next_turn() override { return ++turn_; }
  void request_begins() override;
  void request_ends() override;
  bool handle(ServerRequest request, std::function<void(ServerResponse)> done) override;

  void accept();
  void accepted(BoostError bad, Tcp::socket socket);
  bool make_room();
  ServerResponse call(const ServerRequest& request) const;

  const ServerOptions options_;
  const Handler handler_;
  std::uint16_t port_ = 0;
  std::shared_ptr<TlsContext> tls_;  // swapped on the I/O thread
  bool stopping_ = false;            // I/O thread
  std::uint64_t turn_ = 0;           // I/O thread
  std::unordered_set<Connection*> connections_;

  std::mutex mutex_;
  std::condition_variable quiet_;
  int under_way_ = 0;  // guarded by mutex_
  std::atomic<bool> stopped_{false};

  // The workers post to io_ and the connections inside io_ use everything above: io_ dies first, the pool is joined
  // by stop() before that.
  WorkerPool pool_;
  asio::io_context io_{1};
  // Keeps run() going while every connection waits for its handler and nothing is pending on a socket.
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::optional<Tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> accept_pause_;
  std::thread thread_;
};

Status ServerImpl::listen() {
  const std::string where = options_.address + ":" + std::to_string(options_.port);
  BoostError bad;
  const auto address = asio::ip::make_address(options_.address, bad);
  if (bad) return Error{ErrorCode::kInvalid, "cannot listen on " + where + ": not an IP address"};
  const Tcp::endpoint endpoint(address, options_.port);
  acceptor_.emplace(io_);
  acceptor_->open(endpoint.protocol(), bad);
  if (!bad) acceptor_->set_option(asio::socket_base::reuse_address(true), bad);
  if (!bad) acceptor_->bind(endpoint, bad);
  if (!bad) acceptor_->listen(asio::socket_base::max_listen_connections, bad);
  if (bad) return Error{ErrorCode::kUnavailable, "cannot listen on " + where + ": " + bad.message()};
  port_ = acceptor_->local_endpoint(bad).port();
  accept_pause_.emplace(io_);
  accept();
  thread_ = std::thread([this] { io_.run(); });
  return {};
}

void ServerImpl::accept() {
  acceptor_->async_accept([this](BoostError bad, Tcp::socket socket) { accepted(bad, std::move(socket)); });
}

void ServerImpl::accepted(BoostError bad, Tcp::socket socket) {
  if (stopping_) return;
  if (bad && bad != asio::error::connection_aborted) {
    // Most likely no descriptor is left: a pause lets connections end instead of spinning.
    log_warn("cannot accept a connection", {{"error", bad.message()}});
    accept_pause_->expires_after(kAcceptPause);
    accept_pause_->async_wait([this](BoostError cancelled) {
      if (!cancelled && !stopping_) accept();
    });
    return;
  }
  if (!bad && (connections_.size() < static_cast<std::size_t>(options_.connections_max) || make_room())) {
    BoostError ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    begin_connection(*this, std::move(socket), tls_);
  }
  accept();
}

// Closes the connection that has waited longest for its peer. Not the newest: a client that matters has just come, and
// one that only holds its place, silent or slow, has had its time.
bool ServerImpl::make_room() {
  Connection* longest = nullptr;
  for (Connection* connection : connections_) {
    if (connection->waits_since() == 0) continue;
    if (longest == nullptr || connection->waits_since() < longest->waits_since()) longest = connection;
  }
  if (longest != nullptr) longest->close();
  return longest != nullptr;
}

ServerResponse ServerImpl::call(const ServerRequest& request) const {
  try {
    return handler_(request);
  } catch (const std::exception& error) {
    log_error("request handler threw", {{"path", request.path}, {"error", error.what()}});
  } catch (...) {
    log_error("request handler threw", {{"path", request.path}});
  }
  return options_.refusal(500, "internal error");
}

bool ServerImpl::handle(ServerRequest request, std::function<void(ServerResponse)> done) {
  return pool_.submit([this, request = std::move(request), done = std::move(done)]() mutable {
    asio::post(io_, [response = call(request), done = std::move(done)]() mutable { done(std::move(response)); });
  });
}

void ServerImpl::request_begins() {
  const std::lock_guard lock(mutex_);
  ++under_way_;
}

void ServerImpl::request_ends() {
  {
    const std::lock_guard lock(mutex_);
    --under_way_;
  }
  quiet_.notify_all();
}

Status ServerImpl::set_certificate(const std::string& cert_pem, const std::string& key_pem) {
  const auto context = make_server_context(cert_pem, key_pem, options_.ask_client_certificate);
  if (!context) return context.error();
  asio::post(io_, [this, fresh = std::make_shared<TlsContext>(*context)]() mutable { tls_ = std::move(fresh); });
  return {};
}

void ServerImpl::stop(Duration at_most) {
  if (stopped_.exchange(true)) return;
  if (thread_.joinable()) {
    asio::post(io_, [this] {
      stopping_ = true;
      BoostError ignored;
      acceptor_->close(ignored);
      accept_pause_->cancel(ignored);
      for (Connection* connection : connections_) connection->close_if_idle();
    });
    {
      std::unique_lock lock(mutex_);
      quiet_.wait_for(lock, at_most, [this] { return under_way_ == 0; });
    }
    io_.stop();
    thread_.join();
  }
  pool_.stop();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  std::shared_ptr<TlsContext> tls;
  if (options.tls) {
    auto made = make_server_context(options.cert_pem, options.key_pem, options.ask_client_certificate);
    if (!made) return made.error();
    tls = std::make_shared<TlsContext>(*made);  // takes ownership
  }
  auto server = std::make_unique<ServerImpl>(std::move(options), std::move(handler), std::move(tls));
  if (Status listening = server->listen(); !listening) return listening.error();
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace sluice::http
