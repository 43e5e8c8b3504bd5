#include "bench/loadgen/network.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::loadgen {
namespace {

constexpr Duration kOpenTimeout = 10s;
constexpr Duration kLingerTimeout = 5s;
constexpr std::size_t kEventsPerPoll = 1024;
constexpr std::size_t kReadBytes = 1 << 16;

}  // namespace

Result<std::unique_ptr<Network>> Network::create(const Options& options, ConnectionListener& listener, Tally& tally,
                                                 Random& random) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return Error{ErrorCode::kUnavailable, std::string("epoll_create1: ") + std::strerror(errno)};
  return std::unique_ptr<Network>(new Network(options, epoll, listener, tally, random));
}

Network::Network(const Options& options, int epoll, ConnectionListener& listener, Tally& tally, Random& random)
    : options_(options),
      tally_(tally),
      shared_{epoll, listener, tally, random, std::vector<char>(kReadBytes)},
      events_(kEventsPerPoll) {}

Network::~Network() {
  connections_.clear();
  ::close(shared_.epoll);
}

Status Network::watch(int fd, std::function<void()> handler) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = next_token_;
  if (::epoll_ctl(shared_.epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    return Error{ErrorCode::kUnavailable, std::string("epoll_ctl: ") + std::strerror(errno)};
  }
  watched_[next_token_] = std::move(handler);
  watched_tokens_[fd] = next_token_++;
  return Status::success();
}

void Network::unwatch(int fd) {
  const auto token = watched_tokens_.find(fd);
  if (token == watched_tokens_.end()) return;
  ::epoll_ctl(shared_.epoll, EPOLL_CTL_DEL, fd, nullptr);
  watched_.erase(token->second);
  watched_tokens_.erase(token);
}

int Network::connect(Endpoint endpoint, const Target& target, SteadyTime now) {
  const std::vector<Server>& then = options_.then;
  const Server& server = target.returning && !then.empty() ? then[next_server_++ % then.size()] : options_.server;
  HandshakeRequest request{server.host, target.path, target.sub_protocol, {}};
  for (std::uint8_t& byte : request.nonce) byte = static_cast<std::uint8_t>(shared_.random.below(256));
  const in_addr* source =
      options_.sources.empty() ? nullptr : &options_.sources[next_source_++ % options_.sources.size()];
  const std::uint64_t token = next_token_++;
  auto connection = std::make_unique<Connection>(shared_, endpoint, std::move(request));
  if (const int error = connection->start(server.address, source, token)) return error;
  connections_.emplace(token, std::move(connection));
  tokens_[key(endpoint)] = token;
  opening_.push_back({now + kOpenTimeout, token});
  return 0;
}

Connection* Network::find(Endpoint endpoint) {
  const auto token = tokens_.find(key(endpoint));
  return token == tokens_.end() ? nullptr : connections_.at(token->second).get();
}

void Network::read_pending(Endpoint endpoint, SteadyTime now) {
  const auto token = tokens_.find(key(endpoint));
  if (token == tokens_.end()) return;
  const std::uint64_t number = token->second;  // What is read may end the connection and with it the map's entry.
  Connection& connection = *connections_.at(number);
  connection.read_pending();
  settle(number, connection, now);
}

void Network::drop(Endpoint endpoint) {
  const auto token = tokens_.find(key(endpoint));
  if (token == tokens_.end()) return;
  connections_.at(token->second)->finish();
  finished_.push_back(token->second);
  tokens_.erase(token);
}

void Network::handle(const epoll_event& event, SteadyTime now) {
  const std::uint64_t token = event.data.u64;
  if (const auto watched = watched_.find(token); watched != watched_.end()) {
    // A copy: the handler may unwatch itself.
    const std::function<void()> handler = watched->second;
    handler();
    return;
  }
  // An earlier event of the same round may have ended this connection.
  const auto connection = connections_.find(token);
  if (connection == connections_.end() || connection->second->state() == Connection::State::kDone) return;
  connection->second->on_ready(event.events);
  settle(token, *connection->second, now);
}

void Network::settle(std::uint64_t token, Connection& connection, SteadyTime now) {
  if (connection.live()) return;
  // The endpoint may own a newer connection by now.
  const auto owned = tokens_.find(key(connection.endpoint()));
  const bool first_time = owned != tokens_.end() && owned->second == token;
  if (first_time) tokens_.erase(owned);
  if (connection.state() == Connection::State::kDone) {
    finished_.push_back(token);
  } else if (first_time) {
    lingering_.push_back({now + kLingerTimeout, token});
  }
}

void Network::poll(Duration at_most) {
  const int ready =
      ::epoll_wait(shared_.epoll, events_.data(), static_cast<int>(events_.size()), static_cast<int>(at_most.count()));
  const SteadyTime now = std::chrono::steady_clock::now();
  for (int i = 0; i < ready; ++i) handle(events_[static_cast<std::size_t>(i)], now);
  expire(now);
  for (const std::uint64_t token : finished_) connections_.erase(token);
  finished_.clear();
}

void Network::expire(SteadyTime now) {
  for (; !opening_.empty() && opening_.front().when <= now; opening_.pop_front()) {
    const auto connection = connections_.find(opening_.front().token);
    if (connection == connections_.end() || connection->second->state() > Connection::State::kHandshake) continue;
    connection->second->time_out();
    settle(connection->first, *connection->second, now);
  }
  for (; !lingering_.empty() && lingering_.front().when <= now; lingering_.pop_front()) {
    const auto connection = connections_.find(lingering_.front().token);
    if (connection == connections_.end() || connection->second->state() == Connection::State::kDone) continue;
    ++tally_.left_open;
    connection->second->finish();
    finished_.push_back(connection->first);
  }
}

void Network::ping_next(std::size_t count) {
  for (; count > 0; --count) {
    if (ping_order_.empty()) {
      for (const auto& [token, connection] : connections_) ping_order_.push_back(token);
      if (ping_order_.empty()) return;
    }
    const auto connection = connections_.find(ping_order_.back());
    ping_order_.pop_back();
    if (connection != connections_.end()) connection->second->send_ping();
  }
}

}  // namespace sluice::loadgen
