// Completions on epoll. Sockets are registered once, edge-triggered, for both directions; what an edge says is kept as
// a flag, so that pausing a receive or waiting for room to send costs no system call. A socket that may make progress
// stands in `ready_`, which poll() works through one step a socket.
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "gateway/engine/io.h"
#include "gateway/engine/listener.h"
#include "gateway/engine/slab.h"

namespace sluice::gateway {
namespace {

constexpr std::uint32_t kSocketsMax = 1u << 22;
constexpr std::size_t kEventsPerPoll = 256;
constexpr std::size_t kCompletionsPerPoll = 1024;
/// Below this room in the chunk buffer the others wait for the next poll: tiny reads would cost more than they give.
constexpr std::size_t kChunkBytesLeast = std::size_t{4} * 1024;

/// A send that found no room.
struct PendingSend {
  Token token = 0;
  std::size_t count = 0;
  std::array<iovec, kSlicesMax> slices;
};

struct SocketState {
  int descriptor = -1;
  bool listener = false;
  bool armed = false;     ///< A receive (listener: an accept) is submitted.
  bool readable = false;  ///< No read has said EAGAIN since the last edge.
  bool hangup = false;    ///< The peer has ended its side or the socket failed: a short read does not mean "no more".
  bool queued = false;    ///< Stands in ready_.
  Token token = 0;        ///< Of the receive or accept.
  std::unique_ptr<PendingSend> send;
};

class EpollIo final : public Io {
 public:
  EpollIo(int epoll, int wake) : epoll_(epoll), wake_(wake), chunks_(new char[kChunksBytesMax]) {}
  ~EpollIo() override;
  EpollIo(const EpollIo&) = delete;
  EpollIo& operator=(const EpollIo&) = delete;

  Result<Socket> listen(const SocketAddress& address, const ListenOptions& options) override;
  Result<SocketAddress> local_address(Socket socket) override;
  void submit_accept(Socket listener, Token token) override;
  void submit_receive(Socket socket, Token token) override;
  void submit_send(Socket socket, Token token, std::span<const Slice> slices) override;
  void submit_close(Socket socket, Token token) override;
  void cancel(Socket socket, Operation operation) override;
  void shutdown_send(Socket socket) override;
  std::size_t unacknowledged(Socket socket) override;
  std::span<const Completion> poll(Duration at_most) override;
  void wake() override;

 private:
  static Socket socket_of(SlabId id) { return static_cast<std::uint32_t>(id) + 1; }
  SlabId id_of(Socket socket) { return sockets_.slot_id(socket - 1); }
  SocketState& state_of(Socket socket) {
    SocketState* state = sockets_.find(id_of(socket));
    assert(state != nullptr);
    return *state;
  }
  void arm(Socket socket, Token token);
  void enqueue(SlabId id, SocketState& state);
  void wait(Duration at_most);
  void work_ready();
  bool step(SocketState& state);
  bool chunks_exhausted() const { return kChunksBytesMax - chunks_used_ < kChunkBytesLeast; }
  void accept_some(SocketState& state);
  void receive_one(SocketState& state);
  void finish_send(SocketState& state);

  const int epoll_;
  const int wake_;
  std::atomic<bool> waking_ = false;
  Slab<SocketState> sockets_{kSocketsMax};
  std::unique_ptr<char[]> chunks_;
  std::size_t chunks_used_ = 0;
  std::vector<SlabId> ready_;
  std::vector<SlabId> batch_;
  std::vector<SlabId> again_;
  std::vector<Completion> completions_;
  std::vector<Completion> early_;  ///< Completed while they were submitted; the next poll() answers them.
  bool answered_early_ = false;
};

EpollIo::~EpollIo() {
  for (std::uint32_t index = 0; index < sockets_.slots(); ++index) {
    if (const SlabId id = sockets_.slot_id(index)) ::close(sockets_.find(id)->descriptor);
  }
  ::close(wake_);
  ::close(epoll_);
}

Result<Socket> EpollIo::listen(const SocketAddress& address, const ListenOptions& options) {
  const Result<int> descriptor = open_listener(address, options);
  if (!descriptor) return descriptor.error();
  const auto [id, state] = sockets_.make();
  state->descriptor = *descriptor;
  state->listener = true;
  state->readable = true;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = id;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, *descriptor, &event) != 0) {
    Error error = listen_error(address, "watch");
    ::close(*descriptor);
    sockets_.erase(id);
    return error;
  }
  return socket_of(id);
}

Result<SocketAddress> EpollIo::local_address(Socket socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (getsockname(state_of(socket).descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return Error{ErrorCode::kUnavailable, std::string("getsockname: ") + std::strerror(errno)};
  }
  return SocketAddress::from(storage);
}

void EpollIo::enqueue(SlabId id, SocketState& state) {
  if (state.queued) return;
  state.queued = true;
  ready_.push_back(id);
}

void EpollIo::arm(Socket socket, Token token) {
  SocketState& state = state_of(socket);
  state.token = token;
  state.armed = true;
  if (state.readable) enqueue(id_of(socket), state);
}

void EpollIo::submit_accept(Socket listener, Token token) {
  assert(state_of(listener).listener);
  arm(listener, token);
}

void EpollIo::submit_receive(Socket socket, Token token) {
  assert(!state_of(socket).listener);
  arm(socket, token);
}

void EpollIo::cancel(Socket socket, Operation operation) {
  assert(operation == Operation::kAccept || operation == Operation::kReceive);
  static_cast<void>(operation);
  state_of(socket).armed = false;
}

/// Bytes taken or a negative errno.
std::int32_t send_now(int descriptor, std::span<iovec> slices) {
  msghdr message{};
  message.msg_iov = slices.data();
  message.msg_iovlen = slices.size();
  for (;;) {
    const ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::int32_t>(sent);
    if (errno != EINTR) return -errno;
  }
}

void EpollIo::submit_send(Socket socket, Token token, std::span<const Slice> slices) {
  SocketState& state = state_of(socket);
  assert(!state.send && !slices.empty());
  std::array<iovec, kSlicesMax> vectors;
  const std::size_t count = std::min(slices.size(), kSlicesMax);
  for (std::size_t i = 0; i < count; ++i) vectors[i] = {const_cast<char*>(slices[i].data), slices[i].size};
  const std::int32_t result = send_now(state.descriptor, {vectors.data(), count});
  if (result != -EAGAIN) {
    early_.push_back({.operation = Operation::kSend, .result = result, .token = token});
    return;
  }
  state.send = std::make_unique<PendingSend>();
  state.send->token = token;
  state.send->count = count;
  std::copy_n(vectors.begin(), count, state.send->slices.begin());
}

void EpollIo::finish_send(SocketState& state) {
  const std::int32_t result = send_now(state.descriptor, {state.send->slices.data(), state.send->count});
  if (result == -EAGAIN) return;
  completions_.push_back({.operation = Operation::kSend, .result = result, .token = state.send->token});
  state.send.reset();
}

void EpollIo::submit_close(Socket socket, Token token) {
  SocketState& state = state_of(socket);
  ::close(state.descriptor);
  if (state.send) {
    early_.push_back({.operation = Operation::kSend, .result = -ECANCELED, .token = state.send->token});
  }
  early_.push_back({.operation = Operation::kClose, .result = 0, .token = token});
  sockets_.erase(id_of(socket));
}

void EpollIo::shutdown_send(Socket socket) {
  static_cast<void>(::shutdown(state_of(socket).descriptor, SHUT_WR));
}

std::size_t EpollIo::unacknowledged(Socket socket) {
  int bytes = 0;
  return ioctl(state_of(socket).descriptor, SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

void EpollIo::wake() {
  // One write is enough until the loop has seen it.
  if (waking_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_, &one, sizeof(one)));
}

std::span<const Completion> EpollIo::poll(Duration at_most) {
  completions_.clear();
  chunks_used_ = 0;
  // Sends complete while they are submitted: their completions go without a system call, but never twice in a row.
  if (!early_.empty() && !answered_early_) {
    answered_early_ = true;
    completions_.swap(early_);
    return completions_;
  }
  answered_early_ = false;
  completions_.swap(early_);
  const bool busy = !ready_.empty() || !completions_.empty();
  wait(busy ? Duration::zero() : at_most);
  work_ready();
  return completions_;
}

void EpollIo::wait(Duration at_most) {
  std::array<epoll_event, kEventsPerPoll> events;
  const int count = epoll_wait(epoll_, events.data(), kEventsPerPoll, static_cast<int>(at_most.count()));
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == 0) {
      std::uint64_t ignored = 0;
      static_cast<void>(!::read(wake_, &ignored, sizeof(ignored)));
      // After the read: a wake() from here on writes again, one before it is answered by this very tick.
      waking_.store(false, std::memory_order_release);
      continue;
    }
    SocketState* state = sockets_.find(event.data.u64);
    if (state == nullptr) continue;  // Closed since.
    const bool failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    if (failed || (event.events & EPOLLRDHUP)) state->hangup = true;
    if (failed || (event.events & (EPOLLIN | EPOLLRDHUP))) state->readable = true;
    if ((state->armed && state->readable) || state->send) enqueue(event.data.u64, *state);
  }
}

void EpollIo::work_ready() {
  batch_.clear();
  batch_.swap(ready_);
  again_.clear();
  for (const SlabId id : batch_) {
    SocketState* state = sockets_.find(id);
    if (state == nullptr) continue;
    if (completions_.size() >= kCompletionsPerPoll || chunks_exhausted()) {
      ready_.push_back(id);  // Not served in this poll: first in the next one.
      continue;
    }
    if (step(*state)) {
      again_.push_back(id);
    } else {
      state->queued = false;
    }
  }
  // Whoever was served and has more stands behind those who were not: nobody starves.
  ready_.insert(ready_.end(), again_.begin(), again_.end());
}

/// One step of a socket; true where it may take another at once.
bool EpollIo::step(SocketState& state) {
  if (state.listener) {
    // accept_some() may move the slab's table of chunks, never a slot: `state` stays valid.
    if (state.armed && state.readable) accept_some(state);
  } else {
    if (state.send) finish_send(state);
    if (state.armed && state.readable) receive_one(state);
  }
  return state.armed && state.readable;
}

void EpollIo::accept_some(SocketState& state) {
  for (std::size_t i = 0; i < kAcceptsPerPollMax; ++i) {
    sockaddr_storage storage;
    socklen_t length = sizeof(storage);
    const int descriptor =
        accept4(state.descriptor, reinterpret_cast<sockaddr*>(&storage), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      if (errno == EAGAIN) {
        state.readable = false;
        return;
      }
      if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) continue;  // That one failed.
      state.armed = false;
      completions_.push_back({.operation = Operation::kAccept, .result = -errno, .token = state.token});
      return;
    }
    const auto [id, accepted] = sockets_.make();
    if (accepted == nullptr) {
      ::close(descriptor);
      continue;
    }
    accepted->descriptor = descriptor;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = id;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
      ::close(descriptor);
      sockets_.erase(id);
      continue;
    }
    completions_.push_back({.operation = Operation::kAccept,
                            .result = 0,
                            .token = state.token,
                            .accepted = socket_of(id),
                            .peer = SocketAddress::from(storage)});
  }
}

void EpollIo::receive_one(SocketState& state) {
  char* chunk = chunks_.get() + chunks_used_;
  const std::size_t room = std::min(kChunkBytesMax, kChunksBytesMax - chunks_used_);
  ssize_t received = 0;
  do {
    received = ::recv(state.descriptor, chunk, room, 0);
  } while (received < 0 && errno == EINTR);
  if (received < 0 && errno == EAGAIN) {
    state.readable = false;
    return;
  }
  Completion completion{.operation = Operation::kReceive, .token = state.token};
  if (received > 0) {
    completion.result = static_cast<std::int32_t>(received);
    completion.data = {chunk, static_cast<std::size_t>(received)};
    chunks_used_ += static_cast<std::size_t>(received);
    // A short read has emptied the socket, unless an end of the stream waits behind the data: that makes no new edge.
    if (static_cast<std::size_t>(received) < room && !state.hangup) state.readable = false;
  } else {
    completion.result = received == 0 ? 0 : -errno;
    state.armed = false;
  }
  completions_.push_back(completion);
}

}  // namespace

Result<std::unique_ptr<Io>> make_epoll_io() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 0;
  if (epoll < 0 || wake < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) != 0) {
    Error error{ErrorCode::kUnavailable, std::string("epoll: ") + std::strerror(errno)};
    if (epoll >= 0) ::close(epoll);
    if (wake >= 0) ::close(wake);
    return error;
  }
  return std::unique_ptr<Io>(std::make_unique<EpollIo>(epoll, wake));
}

}  // namespace sluice::gateway
