#include "bench/loadgen/connection.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice::loadgen {
namespace {

constexpr int kReadsPerEvent = 4;  // One busy connection must not hold up the others.

std::string errno_label(int error) {
  const char* name = strerrorname_np(error);
  return "errno " + (name ? std::string(name) : std::to_string(error));
}

}  // namespace

int Connection::start(const sockaddr_in& server, const in_addr* source, std::uint64_t token) {
  token_ = token;
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return errno;
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (source != nullptr) {
    // The port is chosen at connect(), by the whole 4-tuple: bind() alone would use up a port for each socket.
    ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr = *source;
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&local), sizeof(local)) != 0) return errno;
  }
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) != 0 && errno != EINPROGRESS) {
    return errno;
  }
  state_ = State::kConnecting;
  watching_writable_ = true;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.u64 = token_;
  return ::epoll_ctl(shared_.epoll, EPOLL_CTL_ADD, fd_, &event) == 0 ? 0 : errno;
}

void Connection::watch(bool writable) {
  if (writable == watching_writable_ || fd_ < 0) return;
  watching_writable_ = writable;
  epoll_event event{};
  event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = token_;
  ::epoll_ctl(shared_.epoll, EPOLL_CTL_MOD, fd_, &event);
}

void Connection::finish() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  state_ = State::kDone;
}

void Connection::on_ready(std::uint32_t events) {
  if (state_ == State::kConnecting) on_connected();
  if (fd_ >= 0 && (events & EPOLLOUT)) flush();
  if (fd_ >= 0 && (events & (EPOLLIN | EPOLLERR | EPOLLHUP))) read_pending();
}

void Connection::on_connected() {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    refuse(errno_label(error));
    return;
  }
  state_ = State::kHandshake;
  out_ = handshake_request_text(request_);
}

void Connection::read_pending() {
  std::vector<char>& scratch = shared_.scratch;
  if (state_ == State::kConnecting) return;
  for (int reads = 0; reads < kReadsPerEvent && fd_ >= 0; ++reads) {
    const ssize_t got = ::recv(fd_, scratch.data(), scratch.size(), 0);
    if (got <= 0) {
      if (got == 0 || (errno != EAGAIN && errno != EINTR)) end_of_stream(got == 0 ? 0 : errno);
      return;
    }
    const std::string_view bytes(scratch.data(), static_cast<std::size_t>(got));
    if (state_ == State::kHandshake) {
      read_handshake(bytes);
    } else if (state_ == State::kOpen) {
      reader_.append(bytes);
      read_frames();
    }
    if (bytes.size() < scratch.size()) return;
  }
}

void Connection::read_handshake(std::string_view bytes) {
  head_.append(bytes);
  const HandshakeAnswer answer = read_handshake_answer(head_, request_);
  switch (answer.kind) {
    case HandshakeAnswer::Kind::kNeedMore:
      return;
    case HandshakeAnswer::Kind::kRefused:
      refuse("status " + std::to_string(answer.status), answer.retry_after);
      return;
    case HandshakeAnswer::Kind::kBroken:
      refuse(std::string("handshake: ") + answer.fault);
      return;
    case HandshakeAnswer::Kind::kOpen:
      break;
  }
  state_ = State::kOpen;
  reader_.append(std::string_view(head_).substr(answer.size));
  head_ = {};
  request_ = {};
  shared_.listener.on_open(endpoint_);
  read_frames();
}

void Connection::read_frames() {
  Incoming message;
  while (state_ == State::kOpen) {
    switch (reader_.next(message)) {
      case FrameReader::Next::kNeedMore:
        return;
      case FrameReader::Next::kBroken:
        end({End::Kind::kProtocol, 0, reader_.fault()});
        finish();
        return;
      case FrameReader::Next::kMessage:
        break;
    }
    if (message.opcode == Opcode::kText || message.opcode == Opcode::kBinary) {
      shared_.listener.on_message(endpoint_, message);
    } else {
      on_control(message);
    }
  }
}

void Connection::on_control(const Incoming& frame) {
  if (frame.opcode == Opcode::kPing) {
    ++shared_.tally.pings_answered;
    queue_frame(Opcode::kPong, true, frame.payload);
    flush();
  } else if (frame.opcode == Opcode::kPong) {
    if (ping_awaited_ && frame.payload == std::to_string(pings_)) {
      ping_awaited_ = false;
      ++shared_.tally.pongs_received;
    }
  } else {
    if (!close_sent_) {
      // Section 5.5.1: the answer echoes the code; nothing is sent after it.
      const bool has_code = frame.close_code != 1005;
      queue_frame(Opcode::kClose, true, has_code ? close_payload(frame.close_code, "") : "");
      close_sent_ = true;
      flush();
    }
    if (fd_ >= 0) state_ = State::kLingering;
    end({End::Kind::kCloseFrame, frame.close_code, frame.payload});
  }
}

void Connection::refuse(const std::string& reason, std::optional<Duration> retry_after) {
  finish();
  shared_.listener.on_refused(endpoint_, reason, retry_after);
}

void Connection::time_out() {
  refuse("timeout");
}

void Connection::end(const End& how) {
  shared_.listener.on_end(endpoint_, how);
}

void Connection::end_of_stream(int error) {
  const State before = state_;
  finish();
  if (before == State::kLingering) return;
  if (before == State::kHandshake) {
    shared_.listener.on_refused(endpoint_, error == 0 ? "eof in the handshake" : errno_label(error), std::nullopt);
  } else {
    end({error == 0 ? End::Kind::kEof : End::Kind::kSocketError, error, ""});
  }
}

void Connection::queue_frame(Opcode opcode, bool fin, std::string_view payload) {
  append_frame(out_, opcode, fin, payload, static_cast<std::uint32_t>(shared_.random.below(std::uint64_t{1} << 32)));
}

void Connection::send(const Outgoing& message) {
  if (state_ != State::kOpen || close_sent_) return;
  const std::string_view payload = message.payload;
  const std::size_t piece = payload.size() / static_cast<std::size_t>(message.fragments) + 1;
  std::size_t at = 0;
  do {
    const bool first = at == 0;
    const bool last = at + piece >= payload.size();
    queue_frame(first ? message.opcode : Opcode::kContinuation, last, payload.substr(at, piece));
    at += piece;
  } while (at < payload.size());
  flush();
}

void Connection::send_ping() {
  if (state_ != State::kOpen || close_sent_) return;
  ++shared_.tally.pings_sent;
  ping_awaited_ = true;
  queue_frame(Opcode::kPing, true, std::to_string(++pings_));
  flush();
}

void Connection::send_close() {
  if (state_ != State::kOpen || std::exchange(close_sent_, true)) return;
  queue_frame(Opcode::kClose, true, close_payload(1000, ""));
  flush();
}

void Connection::flush() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t took = ::send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (took < 0) {
      if (errno == EINTR) continue;
      // An error is found again by the next read, behind the bytes that came before it.
      if (errno != EAGAIN) sent = out_.size();
      break;
    }
    sent += static_cast<std::size_t>(took);
  }
  out_.erase(0, sent);
  if (out_.empty() && out_.capacity() > 4096) out_ = {};
  watch(!out_.empty());
}

}  // namespace sluice::loadgen
