#include "common/http/server.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <unordered_set>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/server_message.h"
#include "common/http/server_tls.h"
#include "common/http/worker_pool.h"

namespace sluice::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Tcp = asio::ip::tcp;
using BoostError = boost::system::error_code;
using TlsContext = asio::ssl::context;
using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

constexpr std::size_t kReadBytes = 4096;
constexpr Duration kAcceptPause{100};

// ---- Messages -------------------------------------------------------------------------------------------------------

using Parser = beast::http::request_parser<beast::http::string_body>;

ServerRequest to_request(Parser::value_type&& message) {
  ServerRequest out;
  out.method = std::string(message.method_string());
  const std::string target(message.target());
  const std::size_t mark = target.find('?');
  out.path = target.substr(0, mark);
  if (mark != std::string::npos) out.query = target.substr(mark + 1);
  out.headers.reserve(static_cast<std::size_t>(std::distance(message.begin(), message.end())));
  for (const auto& field : message) {
    out.headers.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                             std::string(field.value()));
  }
  out.body = std::move(message.body());
  return out;
}

int status_of(const BoostError& bad) {
  if (bad == beast::http::error::header_limit || bad == beast::http::error::buffer_overflow) return 431;
  if (bad == beast::http::error::body_limit) return 413;
  return 400;
}

// ---- Server ---------------------------------------------------------------------------------------------------------

// What the server knows of a connection, whatever its stream.
class Connection {
 public:
  virtual ~Connection() = default;
  // On the I/O thread.
  virtual void close_if_idle() = 0;
  virtual void close() = 0;
  /// When it began to wait for its peer, as a number that grows; 0 while a request is under way.
  [[nodiscard]] virtual std::uint64_t waits_since() const = 0;
};

class ServerImpl final : public Server {
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

  // For connections, on the I/O thread.
  [[nodiscard]] const ServerOptions& options() const { return options_; }
  [[nodiscard]] bool stopping() const { return stopping_; }
  void joined(Connection* connection) { connections_.insert(connection); }
  void left(Connection* connection) { connections_.erase(connection); }
  [[nodiscard]] std::uint64_t next_turn() { return ++turn_; }
  void request_begins();
  void request_ends();
  /// Runs the handler on a worker and `done` on the I/O thread afterwards. False where the queue is full.
  bool handle(ServerRequest request, std::function<void(ServerResponse)> done);

 private:
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

// One connection's life: handshake, then request, handler, response, and again. All of it on the I/O thread.
template <typename Stream>
class Session final : public Connection, public std::enable_shared_from_this<Session<Stream>> {
 public:
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

  Session(ServerImpl& server, Tcp::socket socket, std::shared_ptr<TlsContext> tls)
      : server_(server),
        tls_(std::move(tls)),
        stream_(make_stream(std::move(socket))),
        buffer_(server.options().header_bytes_max + kReadBytes) {
    BoostError ignored;
    const auto peer = beast::get_lowest_layer(stream_).socket().remote_endpoint(ignored);
    peer_address_ = peer.address().to_string(ignored);
    server_.joined(this);
  }
  ~Session() override { server_.left(this); }

  void start() {
    waits_since_ = server_.next_turn();
    if constexpr (kTls) {
      lowest().expires_after(server_.options().handshake_timeout);
      stream_.async_handshake(asio::ssl::stream_base::server, [self = self()](BoostError bad) {
        if (bad) return;  // a port scan, a probe, a client that does not trust us: no fault of ours
        self->peer_chain_ = peer_chain_der(self->stream_.native_handle());
        self->wait_for_request(self->server_.options().header_timeout);
      });
    } else {
      wait_for_request(server_.options().header_timeout);
    }
  }

  void close_if_idle() override {
    if (idle_) close();
  }
  void close() override {
    waits_since_ = 0;
    lowest().close();
  }
  [[nodiscard]] std::uint64_t waits_since() const override { return waits_since_; }

 private:
  auto self() { return this->shared_from_this(); }
  auto& lowest() { return beast::get_lowest_layer(stream_); }

  Stream make_stream(Tcp::socket socket) {
    if constexpr (kTls) {
      return Stream(std::move(socket), *tls_);
    } else {
      return Stream(std::move(socket));
    }
  }

  // The first byte of a request may take the idle time-out, the rest of it only the header time-out.
  void wait_for_request(Duration at_most) {
    if (server_.stopping()) return close();
    waits_since_ = server_.next_turn();
    if (buffer_.size() > 0) return read_request();
    idle_ = true;
    buffer_.shrink_to_fit();
    lowest().expires_after(at_most);
    stream_.async_read_some(buffer_.prepare(kReadBytes), [self = self()](BoostError bad, std::size_t bytes) {
      self->idle_ = false;
      if (bad) return self->end();
      self->buffer_.commit(bytes);
      self->read_request();
    });
  }

  void read_request() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(server_.options().header_bytes_max));
    parser_->body_limit(server_.options().body_bytes_max);
    lowest().expires_after(server_.options().header_timeout);
    beast::http::async_read_header(stream_, buffer_, *parser_,
                                   [self = self()](BoostError bad, std::size_t) { self->have_header(bad); });
  }

  void have_header(BoostError bad) {
    if (!bad && std::distance(parser_->get().begin(), parser_->get().end()) > server_.options().header_fields_max) {
      bad = beast::http::error::header_limit;
    }
    if (bad || parser_->is_done()) return have_request(bad);
    buffer_.shrink_to_fit();
    beast::http::async_read(stream_, buffer_, *parser_,
                            [self = self()](BoostError failed, std::size_t) { self->have_request(failed); });
  }

  void have_request(BoostError bad) {
    waits_since_ = 0;
    if (bad == beast::http::error::end_of_stream) return end();
    if (bad && bad.category() == beast::http::make_error_code(beast::http::error::bad_method).category() &&
        bad != beast::http::error::partial_message) {
      server_.request_begins();
      keep_alive_ = false;
      return respond(server_.options().refusal(status_of(bad), bad.message()));
    }
    if (bad) return;  // a time-out or a reset: both normal
    server_.request_begins();
    keep_alive_ = parser_->get().keep_alive();
    head_only_ = parser_->get().method() == beast::http::verb::head;
    ServerRequest request = to_request(parser_->release());
    parser_.reset();
    request.peer_address = peer_address_;
    request.peer_chain_der = peer_chain_;
    lowest().expires_never();
    const bool queued = server_.handle(
        std::move(request), [self = self()](ServerResponse response) { self->respond(std::move(response)); });
    if (queued) return;
    ServerResponse full = server_.options().refusal(503, "too many requests wait");
    full.headers.emplace_back("Retry-After", "1");
    respond(std::move(full));
  }

  // The idle time-out also bounds how long a slow reader may take for one response.
  void respond(ServerResponse response) {
    keep_alive_ = keep_alive_ && !server_.stopping();
    head_ = response_head(response, keep_alive_);
    body_ = std::move(response.body);
    // A vector, not an array of two: for that Asio leaves the sent head in the sequence as an empty buffer, at which
    // Beast 1.74's stream takes the rest for sent where it is larger than 16 KiB.
    std::vector<asio::const_buffer> parts{asio::buffer(head_)};
    if (body_ != nullptr && !body_->empty() && !head_only_) parts.push_back(asio::buffer(*body_));
    lowest().expires_after(server_.options().idle_timeout);
    asio::async_write(stream_, parts, [self = self()](BoostError bad, std::size_t) {
      self->body_.reset();
      self->server_.request_ends();
      if (bad) return;
      if (!self->keep_alive_) return self->end();
      self->wait_for_request(self->server_.options().idle_timeout);
    });
  }

  // Says good-bye where that is polite; what comes of it does not matter any more.
  void end() {
    if constexpr (kTls) {
      lowest().expires_after(server_.options().handshake_timeout);
      stream_.async_shutdown([self = self()](BoostError) {});
    } else {
      BoostError ignored;
      lowest().socket().shutdown(Tcp::socket::shutdown_send, ignored);
    }
  }

  ServerImpl& server_;
  const std::shared_ptr<TlsContext> tls_;  // the one this connection was made with outlives a swap
  Stream stream_;
  std::string peer_address_;
  std::vector<std::string> peer_chain_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::string head_;
  std::shared_ptr<const std::string> body_;
  bool keep_alive_ = false;
  bool head_only_ = false;
  bool idle_ = false;
  std::uint64_t waits_since_ = 0;
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
    if (tls_ != nullptr) {
      std::make_shared<Session<TlsStream>>(*this, std::move(socket), tls_)->start();
    } else {
      std::make_shared<Session<PlainStream>>(*this, std::move(socket), nullptr)->start();
    }
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
