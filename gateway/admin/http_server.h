// A small HTTP/1.1 server for few, trusted-network clients: operator, Prometheus, kubelet. Same engine and parser as
// the WebSocket side, on a thread of its own, so that neither can starve the other. Connections, requests and waits are
// bounded; keep-alive.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "gateway/engine/event_loop.h"
#include "gateway/engine/send_queue.h"
#include "gateway/engine/slab.h"
#include "gateway/websocket/http_request.h"
#include "gateway/websocket/http_response.h"

namespace sluice::gateway {

class HttpServer final : public LoopHandler {
 public:
  static constexpr std::size_t kListenersMax = 4;
  static constexpr std::uint32_t kConnectionsPerListenerMax = 128;
  static constexpr std::size_t kHeadBytesMax = std::size_t{8} * 1024;
  static constexpr std::size_t kBodyBytesMax = std::size_t{64} * 1024;
  static constexpr Duration kRequestTimeout{10'000};  ///< For a request to come in, and for its answer to go out.
  static constexpr Duration kIdleTimeout{75'000};     ///< Between requests.

  /// Runs on the server's thread; the request lives until it returns.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  HttpServer(std::unique_ptr<Io> io, const Clock& clock);
  ~HttpServer() override;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Before start().
  /// Answers the port. Errors: kUnavailable.
  Result<std::uint16_t> listen(const SocketAddress& address, Handler handler);
  /// Calls `job` on the server's thread, first at its start, then at each `interval`.
  void every(Duration interval, std::function<void()> job);
  void start();

  /// Ends and joins the thread. Threads: any.
  void stop();

  // LoopHandler.
  void on_completion(const Completion& completion) override;
  void on_timer(Token token) override;
  void on_tick_end() override {}

 private:
  struct Listener {
    Socket socket = kNoSocket;
    Handler handler;
    std::uint32_t connections = 0;
  };
  struct Job {
    Duration interval{};
    std::function<void()> run;
    TimerNode timer;
  };
  struct Peer;

  void accepted(const Completion& completion);
  void received(Peer& peer, const Completion& completion);
  void answer_next(Peer& peer);
  void respond(Peer& peer, HttpResponse response);
  void sent(Peer& peer, std::int32_t result);
  void flush(Peer& peer);
  void close(Peer& peer);
  void make_room(std::size_t listener);
  void arm(Peer& peer, Duration timeout);

  EventLoop loop_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<Job>> jobs_;
  TimerNode accept_timer_;
  Slab<Peer> peers_;
  std::thread thread_;
};

}  // namespace sluice::gateway
