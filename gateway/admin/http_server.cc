#include "gateway/admin/http_server.h"

#include <array>
#include <utility>

#include "gateway/websocket/handshake.h"

namespace sluice::gateway {
namespace {

// Tokens: listeners are 1 to kListenersMax, jobs follow, connections' ids begin at 2^32.
constexpr Token kAcceptTimer = 99;
constexpr Token kFirstJob = 100;
constexpr Duration kAcceptPause{100};

}  // namespace

/// One client's connection. While a request is answered nothing more is read, so that `in` stays bounded.
struct HttpServer::Peer {
  Peer(SlabId peer_id, Socket peer_socket, std::size_t peer_listener)
      : id(peer_id), socket(peer_socket), listener(peer_listener) {
    timer.token = id;
  }
  SlabId id;
  Socket socket;
  std::size_t listener;
  TimerNode timer;
  std::string in;
  HttpRequestParser parser{{.head_bytes_max = kHeadBytesMax, .body_bytes_max = kBodyBytesMax}};
  SendQueue out;
  bool sending = false;
  bool keep_alive = true;
  bool lingering = false;  ///< Answered for the last time: only the peer's end of the stream is awaited.
  bool closed = false;
  SteadyTime last_used{};
};

HttpServer::HttpServer(std::unique_ptr<Io> io, const Clock& clock)
    : loop_(std::move(io), clock), peers_(kListenersMax * (kConnectionsPerListenerMax + 1)) {
  accept_timer_.token = kAcceptTimer;
}

HttpServer::~HttpServer() {
  stop();
  for (const auto& job : jobs_) loop_.timers().cancel(job->timer);
  loop_.timers().cancel(accept_timer_);
  for (std::uint32_t index = 0; index < peers_.slots(); ++index) {
    if (Peer* peer = peers_.find(peers_.slot_id(index))) loop_.timers().cancel(peer->timer);
  }
}

Result<std::uint16_t> HttpServer::listen(const SocketAddress& address, Handler handler) {
  const Result<Socket> socket = loop_.io().listen(address, {});
  if (!socket) return socket.error();
  const Result<SocketAddress> local = loop_.io().local_address(*socket);
  if (!local) return local.error();
  listeners_.push_back({*socket, std::move(handler)});
  return local->port;
}

void HttpServer::every(Duration interval, std::function<void()> job) {
  auto made = std::make_unique<Job>();
  made->interval = interval;
  made->run = std::move(job);
  made->timer.token = kFirstJob + jobs_.size();
  jobs_.push_back(std::move(made));
}

void HttpServer::start() {
  for (std::size_t i = 0; i < listeners_.size(); ++i) loop_.io().submit_accept(listeners_[i].socket, i + 1);
  for (const auto& job : jobs_) loop_.timers().arm(job->timer, loop_.now());
  thread_ = std::thread([this] { loop_.run(*this); });
}

void HttpServer::stop() {
  loop_.stop();
  if (thread_.joinable()) thread_.join();
}

void HttpServer::arm(Peer& peer, Duration timeout) {
  loop_.timers().arm(peer.timer, loop_.now() + timeout);
}

void HttpServer::on_timer(Token token) {
  if (token == kAcceptTimer) {
    for (std::size_t i = 0; i < listeners_.size(); ++i) loop_.io().submit_accept(listeners_[i].socket, i + 1);
  } else if (token >= kFirstJob && token < kFirstJob + jobs_.size()) {
    Job& job = *jobs_[token - kFirstJob];
    job.run();
    loop_.timers().arm(job.timer, loop_.now() + job.interval);
  } else if (Peer* peer = peers_.find(token)) {
    close(*peer);
  }
}

void HttpServer::on_completion(const Completion& completion) {
  if (completion.operation == Operation::kAccept) {
    if (completion.result < 0) {
      loop_.timers().arm(accept_timer_, loop_.now() + kAcceptPause);
    } else {
      accepted(completion);
    }
    return;
  }
  Peer* peer = peers_.find(completion.token);
  if (peer == nullptr) return;
  if (completion.operation == Operation::kReceive) {
    received(*peer, completion);
  } else if (completion.operation == Operation::kSend) {
    sent(*peer, completion.result);
  } else {
    --listeners_[peer->listener].connections;
    peers_.erase(peer->id);
  }
}

void HttpServer::accepted(const Completion& completion) {
  const std::size_t listener = completion.token - 1;
  if (listeners_[listener].connections >= kConnectionsPerListenerMax) make_room(listener);
  const auto [id, peer] = peers_.make(peers_.next_id(), completion.accepted, listener);
  if (peer == nullptr) {
    loop_.io().submit_close(completion.accepted, 0);
    return;
  }
  ++listeners_[listener].connections;
  peer->last_used = loop_.now();
  arm(*peer, kRequestTimeout);
  loop_.io().submit_receive(peer->socket, peer->id);
}

/// Closes the connection of `listener` that was idle longest: many idle ones must not keep the operator out.
void HttpServer::make_room(std::size_t listener) {
  Peer* oldest = nullptr;
  for (std::uint32_t index = 0; index < peers_.slots(); ++index) {
    Peer* peer = peers_.find(peers_.slot_id(index));
    if (peer == nullptr || peer->closed || peer->listener != listener) continue;
    if (oldest == nullptr || peer->last_used < oldest->last_used) oldest = peer;
  }
  if (oldest != nullptr) close(*oldest);
}

void HttpServer::received(Peer& peer, const Completion& completion) {
  if (peer.closed) return;
  if (completion.result <= 0) {
    close(peer);
    return;
  }
  if (peer.lingering) return;
  if (peer.in.empty()) arm(peer, kRequestTimeout);
  peer.in.append(completion.data.data(), completion.data.size());
  if (!peer.sending) answer_next(peer);
}

/// Answers the request at the front of `in`, if it is whole.
void HttpServer::answer_next(Peer& peer) {
  const HttpParse parse = peer.parser.parse(peer.in);
  if (parse == HttpParse::kNeedMore) return;
  loop_.io().cancel(peer.socket, Operation::kReceive);
  peer.last_used = loop_.now();
  if (parse == HttpParse::kError) {
    peer.keep_alive = false;
    peer.in.clear();
    respond(peer, refusal(peer.parser.status(), peer.parser.error()));
    return;
  }
  const HttpRequest& request = peer.parser.request();
  peer.keep_alive = request.keep_alive;
  HttpResponse response = listeners_[peer.listener].handler(request);
  peer.in.erase(0, peer.parser.size());
  peer.parser = HttpRequestParser({.head_bytes_max = kHeadBytesMax, .body_bytes_max = kBodyBytesMax});
  respond(peer, std::move(response));
}

void HttpServer::respond(Peer& peer, HttpResponse response) {
  response.keep_alive = peer.keep_alive;
  peer.out.push(BlockRef::copy_of(render(response)));
  arm(peer, kRequestTimeout);
  flush(peer);
}

void HttpServer::flush(Peer& peer) {
  std::array<Slice, kSlicesMax> slices;
  const std::size_t count = peer.out.gather(slices);
  peer.sending = true;
  loop_.io().submit_send(peer.socket, peer.id, {slices.data(), count});
}

void HttpServer::sent(Peer& peer, std::int32_t result) {
  peer.sending = false;
  if (peer.closed) return;
  if (result < 0) {
    close(peer);
    return;
  }
  peer.out.consume(static_cast<std::size_t>(result));
  if (!peer.out.empty()) {
    flush(peer);
    return;
  }
  loop_.io().submit_receive(peer.socket, peer.id);
  if (!peer.keep_alive) {
    // The peer reads the answer, then our end of the stream, and goes.
    peer.lingering = true;
    loop_.io().shutdown_send(peer.socket);
    arm(peer, kRequestTimeout);
    return;
  }
  arm(peer, peer.in.empty() ? kIdleTimeout : kRequestTimeout);
  if (!peer.in.empty()) answer_next(peer);
}

void HttpServer::close(Peer& peer) {
  if (peer.closed) return;
  peer.closed = true;
  loop_.timers().cancel(peer.timer);
  loop_.io().submit_close(peer.socket, peer.id);
}

}  // namespace sluice::gateway
