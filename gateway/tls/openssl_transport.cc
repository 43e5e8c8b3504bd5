#include "gateway/tls/openssl_transport.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "common/base/log.h"
#include "common/base/mutex.h"
#include "common/base/openssl_ptr.h"

namespace sluice::gateway {
namespace {

constexpr std::size_t kRecordBytes = std::size_t{16} * 1024;
/// Plaintext that one call of send() encrypts: bounds what waits in a connection beyond its send queue.
constexpr std::size_t kSendBytesMax = 4 * kRecordBytes;

using Context = OpensslPtr<SSL_CTX, SSL_CTX_free>;
using Session = OpensslPtr<SSL, SSL_free>;

/// The reason of OpenSSL's last error; its queue is empty afterwards.
std::string last_error() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason != nullptr ? reason : "unknown error";
  ERR_clear_error();
  return text;
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned in_length,
                void*) {
  static constexpr std::array<unsigned char, 9> kOurs = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* selected = nullptr;
  const int found = SSL_select_next_proto(&selected, out_length, kOurs.data(), kOurs.size(), in, in_length);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Result<Context> make_context(const std::string& cert_file, const std::string& key_file) {
  Context context(SSL_CTX_new(TLS_server_method()));
  if (!context) return Error{ErrorCode::kInternal, "OpenSSL: " + last_error()};
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context.get(), select_alpn, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), cert_file.c_str()) != 1) {
    return Error{ErrorCode::kInvalid, "tls.certFile: " + cert_file + ": " + last_error()};
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Error{ErrorCode::kInvalid, "tls.keyFile: " + key_file + ": " + last_error()};
  }
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return Error{ErrorCode::kInvalid, "tls.keyFile: " + key_file + ": does not belong to the certificate"};
  }
  return context;
}

/// What a session's BIO reads and writes.
struct Wire {
  std::span<const char> in;  ///< Only while receive() runs.
  std::string out;           ///< Until take_wire().
};

Wire& wire_of(BIO* bio) {
  return *static_cast<Wire*>(BIO_get_data(bio));
}

int read_wire(BIO* bio, char* to, int most) {
  BIO_clear_retry_flags(bio);
  std::span<const char>& in = wire_of(bio).in;
  if (in.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t count = std::min(in.size(), static_cast<std::size_t>(most));
  std::copy_n(in.data(), count, to);
  in = in.subspan(count);
  return static_cast<int>(count);
}

int write_wire(BIO* bio, const char* from, int count) {
  wire_of(bio).out.append(from, static_cast<std::size_t>(count));
  return count;
}

long control_wire(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/// The kind of BIO that does so; null where OpenSSL has no memory for it.
const BIO_METHOD* wire_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    if (method == nullptr) return method;
    BIO_meth_set_read(method, read_wire);
    BIO_meth_set_write(method, write_wire);
    BIO_meth_set_ctrl(method, control_wire);
    return method;
  }();
  return kMethod;
}

class OpensslTransport final : public Transport {
 public:
  /// `session` has a BIO of wire_method().
  explicit OpensslTransport(SSL* session) : session_(session) { BIO_set_data(SSL_get_rbio(session), &wire_); }

  State receive(std::span<const char> wire, std::string& plain) override;
  std::size_t send(std::span<const Slice> plain) override;
  void end() override;
  BlockRef take_wire() override;
  std::size_t held_bytes() const override { return wire_.out.size(); }

 private:
  State read_all(std::string& plain);
  State state_after(int result);

  Wire wire_;
  Session session_;
};

Transport::State OpensslTransport::state_after(int result) {
  const int error = SSL_get_error(session_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return State::kOpen;
  ERR_clear_error();  // The queue is the thread's: the next session must not find this one's error.
  return error == SSL_ERROR_ZERO_RETURN ? State::kEnded : State::kFailed;
}

Transport::State OpensslTransport::receive(std::span<const char> wire, std::string& plain) {
  wire_.in = wire;
  const State state = read_all(plain);
  wire_.in = {};  // OpenSSL keeps what it needs of a record that is not whole.
  return state;
}

Transport::State OpensslTransport::read_all(std::string& plain) {
  if (!SSL_is_init_finished(session_.get())) {
    const int done = SSL_do_handshake(session_.get());
    if (done != 1) return state_after(done);
  }
  while (true) {
    const std::size_t before = plain.size();
    plain.resize(before + kRecordBytes);
    const int count = SSL_read(session_.get(), plain.data() + before, static_cast<int>(kRecordBytes));
    plain.resize(before + static_cast<std::size_t>(std::max(0, count)));
    if (count <= 0) return state_after(count);
  }
}

std::size_t OpensslTransport::send(std::span<const Slice> plain) {
  if (!SSL_is_init_finished(session_.get())) return 0;
  std::string record;
  std::size_t sent = 0;
  const auto write = [this, &record, &sent] {
    // The BIO takes everything, so that a write is whole or the session is broken.
    if (SSL_write(session_.get(), record.data(), static_cast<int>(record.size())) > 0) sent += record.size();
    record.clear();
  };
  for (const Slice& slice : plain) {
    for (std::size_t at = 0; at < slice.size && sent < kSendBytesMax;) {
      const std::size_t count = std::min(kRecordBytes - record.size(), slice.size - at);
      record.append(slice.data + at, count);
      at += count;
      if (record.size() == kRecordBytes) write();  // Small messages share a record.
    }
  }
  if (!record.empty() && sent < kSendBytesMax) write();
  ERR_clear_error();
  return sent;
}

void OpensslTransport::end() {
  if (SSL_is_init_finished(session_.get())) SSL_shutdown(session_.get());
  ERR_clear_error();
}

BlockRef OpensslTransport::take_wire() {
  if (wire_.out.empty()) return {};
  return BlockRef::copy_of(std::exchange(wire_.out, {}));
}

}  // namespace

struct OpensslTransportFactory::Impl {
  std::string cert_file;
  std::string key_file;
  std::string seen;  ///< Both files' content at the last look.
  Mutex mutex;
  Context context GUARDED_BY(mutex);

  [[nodiscard]] std::string content() const {
    return read_file(cert_file).value_or("") + '\0' + read_file(key_file).value_or("");
  }
};

OpensslTransportFactory::OpensslTransportFactory(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OpensslTransportFactory::~OpensslTransportFactory() = default;

Result<std::unique_ptr<OpensslTransportFactory>> OpensslTransportFactory::load(const std::string& cert_file,
                                                                               const std::string& key_file) {
  auto impl = std::make_unique<Impl>();
  impl->cert_file = cert_file;
  impl->key_file = key_file;
  impl->seen = impl->content();
  Result<Context> context = make_context(cert_file, key_file);
  if (!context) return context.error();
  {
    const MutexLock lock(impl->mutex);
    impl->context = *std::move(context);
  }
  return std::unique_ptr<OpensslTransportFactory>(new OpensslTransportFactory(std::move(impl)));
}

std::unique_ptr<Transport> OpensslTransportFactory::make() {
  SSL* session = nullptr;
  {
    const MutexLock lock(impl_->mutex);
    session = SSL_new(impl_->context.get());  // Holds a reference: a reload does not take the context from under it.
  }
  BIO* bio = wire_method() != nullptr ? BIO_new(wire_method()) : nullptr;
  if (session == nullptr || bio == nullptr) {
    SSL_free(session);
    BIO_free(bio);
    ERR_clear_error();
    return nullptr;
  }
  SSL_set_bio(session, bio, bio);
  SSL_set_accept_state(session);
  return std::make_unique<OpensslTransport>(session);
}

void OpensslTransportFactory::reload_if_changed() {
  std::string content = impl_->content();
  if (content == impl_->seen) return;
  impl_->seen = std::move(content);
  Result<Context> context = make_context(impl_->cert_file, impl_->key_file);
  if (!context) {
    log_warn("certificate not reloaded", {{"error", context.error().message}});
    return;
  }
  {
    const MutexLock lock(impl_->mutex);
    impl_->context = *std::move(context);
  }
  log_info("certificate reloaded", {{"file", impl_->cert_file}});
}

}  // namespace sluice::gateway
