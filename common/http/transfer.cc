#include "common/http/transfer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "common/base/text.h"

namespace sluice::http::internal {
namespace {

/// Space that a Content-Length may reserve before a byte has come.
constexpr std::size_t kReserveBytesMax = 1u << 20;

/// A URL's parts as far as they matter here; views into the URL.
struct UrlParts {
  std::string_view scheme;
  std::string_view host;  // with brackets where it is an IPv6 address
  std::string_view port;  // with its colon, or empty
  std::string_view path;
  std::string_view path_and_query;
};

UrlParts split_url(std::string_view url) {
  UrlParts parts;
  if (const auto at = url.find("://"); at != std::string_view::npos) {
    parts.scheme = url.substr(0, at);
    url.remove_prefix(at + 3);
  }
  const auto authority_end = std::min(url.find_first_of("/?#"), url.size());
  std::string_view authority = url.substr(0, authority_end);
  parts.path_and_query = url.substr(authority_end);
  parts.path = parts.path_and_query.substr(0, parts.path_and_query.find_first_of("?#"));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  const auto bracket = authority.rfind(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  parts.host = authority.substr(0, colon);
  if (colon != std::string_view::npos) parts.port = authority.substr(colon);
  return parts;
}

/// As Go's http.ProxyFromEnvironment has it: never a proxy to ourselves.
bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || host.substr(0, 4) == "127.";
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

/// What the failure says about trying again. Our own inputs are terminal, all else is the other side or the way to it.
ErrorCode code_of(CURLcode code) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return ErrorCode::kInvalid;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_FAILED_INIT:
      return ErrorCode::kInternal;
    default:
      return ErrorCode::kUnavailable;
  }
}

int bound_unanswered_data(void* milliseconds, curl_socket_t socket, curlsocktype) {
  // Best effort: without it keep-alive still finds an idle peer that is lost.
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds, sizeof(int));
  return CURL_SOCKOPT_OK;
}

curl_blob blob_of(const std::string& pem) {
  // libcurl takes a pointer to non-const, but with NOCOPY it only reads.
  return {const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_NOCOPY};
}

}  // namespace

std::string curl_proxy(std::string url) {
  constexpr std::string_view kSocks = "socks5://";
  if (lower(url.substr(0, kSocks.size())) == kSocks) url.replace(0, kSocks.size(), "socks5h://");
  return url;
}

ConnectionPool::ConnectionPool() : share(curl_share_init()) {
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
}

ConnectionPool::~ConnectionPool() {
  curl_share_cleanup(share);
}

Transfer::Transfer(Request request, Client::StreamCallbacks callbacks, bool streaming, Duration idle_timeout)
    : request_(std::move(request)),
      callbacks_(std::move(callbacks)),
      streaming_(streaming),
      idle_timeout_(idle_timeout),
      begun_(std::chrono::steady_clock::now()),
      deadline_(begun_ + request_.timeout),
      last_piece_(begun_) {}

Transfer::~Transfer() {
  curl_slist_free_all(headers_);
  curl_slist_free_all(connect_to_);
}

template <typename Value>
void Transfer::set(CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(handle_, option, value);
  if (refusal_ == CURLE_OK) refusal_ = code;
}

Status Transfer::prepare(CURL* handle, const Common& common) {
  handle_ = handle;
  tls_ = common.tls;
  pool_ = common.pool;
  if (has_line_break(request_.method)) return Error{ErrorCode::kInvalid, "a method with a line break"};
  // libcurl has one code for a URL like this and for a peer that does not speak HTTP.
  if (const auto scheme = split_url(request_.url).scheme; scheme != "https" && scheme != "http") {
    return error(ErrorCode::kInvalid, "the URL is neither http nor https");
  }
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_PRIVATE, static_cast<void*>(this));
  set(CURLOPT_ERRORBUFFER, curl_message_.data());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_USERAGENT, common.user_agent.c_str());
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header_line);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  set_method();
  set_network(common);
  set_tls();
  if (Status headers = set_headers(); !headers) return headers;
  if (refusal_ != CURLE_OK) return error(ErrorCode::kInternal, curl_easy_strerror(refusal_));
  return Status::success();
}

void Transfer::set_method() {
  if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  const bool sends_body =
      !request_.body.empty() || request_.method == "POST" || request_.method == "PUT" || request_.method == "PATCH";
  if (sends_body) {
    // Not copied: the request lives as long as the transfer.
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(CURLOPT_POSTFIELDS, request_.body.c_str());
  }
  set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

void Transfer::set_network(const Common& common) {
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(common.connect_timeout.count()));
  set(CURLOPT_SHARE, pool_->share);
  // Noticed by data that nobody acknowledges, or on an idle connection by probes that begin in time for that.
  peer_lost_after_ms_ = static_cast<int>(common.peer_lost_after.count());
  set(CURLOPT_SOCKOPTFUNCTION, &bound_unanswered_data);
  set(CURLOPT_SOCKOPTDATA, static_cast<void*>(&peer_lost_after_ms_));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, std::max(1L, peer_lost_after_ms_ / 2'000L));
  set(CURLOPT_TCP_KEEPINTVL, std::max(1L, peer_lost_after_ms_ / 4'000L));
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  const UrlParts parts = split_url(request_.url);
  set(CURLOPT_HTTP_VERSION, common.http2 ? long{CURL_HTTP_VERSION_2TLS} : long{CURL_HTTP_VERSION_1_1});
  // With PIPEWAIT a call waits for a connection that is being made instead of making another one beside it. Without TLS
  // it would wait for the whole first answer, which alone tells libcurl that nothing can be shared.
  set(CURLOPT_PIPEWAIT, common.http2 && parts.scheme == "https" ? 1L : 0L);
  if (!common.proxy_url.empty()) {
    set(CURLOPT_PROXY, common.proxy_url.c_str());
    set(CURLOPT_NOPROXY, "");  // it was named for this very server
  } else if (is_loopback(parts.host)) {
    set(CURLOPT_PROXY, "");
  }
}

void Transfer::set_tls() {
  set(CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  if (tls_->insecure_skip_verify) {
    set(CURLOPT_SSL_VERIFYPEER, 0L);
    set(CURLOPT_SSL_VERIFYHOST, 0L);
  } else if (!tls_->ca_pem.empty()) {
    curl_blob roots = blob_of(tls_->ca_pem);
    set(CURLOPT_CAINFO_BLOB, &roots);
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));  // else the system's roots would be trusted beside it
  }
  if (!tls_->cert_pem.empty()) {
    curl_blob chain = blob_of(tls_->cert_pem);
    curl_blob key = blob_of(tls_->key_pem);
    set(CURLOPT_SSLCERT_BLOB, &chain);
    set(CURLOPT_SSLCERTTYPE, "PEM");
    set(CURLOPT_SSLKEY_BLOB, &key);
    set(CURLOPT_SSLKEYTYPE, "PEM");
  }
  if (tls_->server_name.empty()) return;
  // libcurl verifies the URL's host: so the URL names the server and the connection is led to the real host.
  const UrlParts parts = split_url(request_.url);
  connect_to_ = curl_slist_append(nullptr, ("::" + std::string(parts.host) + ":").c_str());
  set(CURLOPT_CONNECT_TO, connect_to_);
  const std::string url = std::string(parts.scheme) + "://" + tls_->server_name + std::string(parts.port) +
                          std::string(parts.path_and_query);
  set(CURLOPT_URL, url.c_str());
  request_.headers.emplace_back("Host", std::string(parts.host) + std::string(parts.port));
}

Status Transfer::set_headers() {
  bool has_type = false;
  const auto append = [this](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_, line.c_str());
    if (longer == nullptr) refusal_ = CURLE_OUT_OF_MEMORY;
    headers_ = longer == nullptr ? headers_ : longer;
  };
  for (const auto& [name, value] : request_.headers) {
    // The value may be a secret: the error names the header only.
    if (name.empty() || has_line_break(name) || has_line_break(value)) {
      return error(ErrorCode::kInvalid, "a header that holds a line break or has no name");
    }
    has_type = has_type || lower(name) == "content-type";
    std::string line = name;
    line.append(value.empty() ? ";" : ": ").append(value);  // "Name;" is how libcurl is told an empty value
    append(line);
  }
  append("Expect:");                       // no round trip before the body
  if (!has_type) append("Content-Type:");  // not libcurl's default of a form
  set(CURLOPT_HTTPHEADER, headers_);
  return Status::success();
}

SteadyTime Transfer::due() const {
  if (!streaming_ || !head_done_) return deadline_;
  return idle_timeout_ > Duration(0) ? last_piece_ + idle_timeout_ : SteadyTime::max();
}

SteadyTime Transfer::check_at(SteadyTime now) const {
  return streaming_ && idle_timeout_ > Duration(0) ? std::min(due(), now + idle_timeout_) : due();
}

bool Transfer::waits_in_silence() const {
  return pool_ != nullptr && pool_->heard_at <= (streaming_ && head_done_ ? last_piece_ : begun_);
}

void Transfer::note_heard() {
  last_piece_ = std::chrono::steady_clock::now();
  if (pool_ != nullptr) pool_->heard_at = last_piece_;
}

std::size_t Transfer::on_header_line(char* data, std::size_t size, std::size_t count, void* self) {
  const std::string_view line(data, size * count);
  return static_cast<Transfer*>(self)->take_header_line(line) ? line.size() : 0;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  const std::string_view piece(data, size * count);
  return static_cast<Transfer*>(self)->take_body(piece) ? piece.size() : 0;
}

bool Transfer::take_header_line(std::string_view line) {
  if (cancelled) return false;
  if (head_done_) return true;  // trailers: nobody asks for them
  header_bytes_ += line.size();
  if (header_bytes_ > kHeaderBytesMax) {
    own_fault_ = error(ErrorCode::kUnavailable, "the response's headers are too large");
    return false;
  }
  if (line.substr(0, 5) == "HTTP/") {
    response_.headers.clear();  // those before it belonged to an interim response
    return true;
  }
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.empty()) {
    head_complete();
    return true;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  response_.headers.emplace_back(lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  return true;
}

void Transfer::head_complete() {
  long status = 0;
  curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return;  // interim
  head_done_ = true;
  note_heard();
  response_.status = static_cast<int>(status);
  passing_on_ = streaming_ && status < 300;
  if (streaming_) {
    if (callbacks_.on_head) callbacks_.on_head(response_);
    return;
  }
  curl_off_t length = -1;
  curl_easy_getinfo(handle_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  if (length > 0) response_.body.reserve(std::min(static_cast<std::size_t>(length), kReserveBytesMax));
}

bool Transfer::take_body(std::string_view piece) {
  if (cancelled) return false;
  note_heard();
  if (passing_on_) {
    if (callbacks_.on_data) callbacks_.on_data(piece);
    return true;
  }
  if (streaming_) {
    response_.body.append(piece.substr(0, kErrorBodyBytesMax - response_.body.size()));
    return true;
  }
  if (piece.size() > request_.response_bytes_max - response_.body.size()) {
    own_fault_ = error(ErrorCode::kInvalid,
                       "the answer is longer than " + std::to_string(request_.response_bytes_max) + " bytes");
    return false;
  }
  response_.body.append(piece);
  return true;
}

Result<Response> Transfer::outcome(CURLcode code) {
  if (own_fault_) return *own_fault_;
  // libcurl takes a connection that closes inside the headers for an empty answer.
  if (code == CURLE_OK && !head_done_) return error(ErrorCode::kUnavailable, "the answer ended inside its headers");
  // An error's status is worth more than the rest of its text. Kubernetes' API server sends GOAWAY with a 401, and
  // libcurl 7.88 then often loses the body.
  if (code == CURLE_OK || (head_done_ && response_.status >= 300)) return std::move(response_);
  // libcurl's own sentence tells more than the code's; neither ever holds a header of the request.
  const char* what = curl_message_[0] != '\0' ? curl_message_.data() : curl_easy_strerror(code);
  return error(code_of(code), what);
}

Error Transfer::error(ErrorCode code, const std::string& what) const {
  // User, password and query stay out: they may hold secrets.
  const UrlParts parts = split_url(request_.url);
  return {code, request_.method + " " + std::string(parts.scheme) + "://" + std::string(parts.host) +
                    std::string(parts.port) + std::string(parts.path) + ": " + what};
}

Error Transfer::timed_out() const {
  const Duration waited = streaming_ && head_done_ ? idle_timeout_ : request_.timeout;
  const char* what = streaming_ && head_done_ ? "nothing came for " : "no answer within ";
  return error(ErrorCode::kUnavailable, what + std::to_string(waited.count()) + " ms");
}

void Transfer::end(Result<Response> result) {
  if (!cancelled && callbacks_.on_end) callbacks_.on_end(std::move(result));
  callbacks_ = {};
}

}  // namespace sluice::http::internal
