#include "common/http/server_connection.h"

#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <iterator>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/base/text.h"
#include "common/http/server_message.h"
#include "common/http/server_tls.h"

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

// One connection's life: handshake, then request, handler, response, and again. All of it on the I/O thread.
template <typename Stream>
class Session final : public Connection, public std::enable_shared_from_this<Session<Stream>> {
 public:
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

  Session(ConnectionHost& server, Tcp::socket socket, std::shared_ptr<TlsContext> tls)
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

  ConnectionHost& server_;
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

}  // namespace

void begin_connection(ConnectionHost& host, Tcp::socket socket, std::shared_ptr<TlsContext> tls) {
  if (tls != nullptr) {
    std::make_shared<Session<TlsStream>>(host, std::move(socket), std::move(tls))->start();
  } else {
    std::make_shared<Session<PlainStream>>(host, std::move(socket), nullptr)->start();
  }
}

}  // namespace sluice::http
