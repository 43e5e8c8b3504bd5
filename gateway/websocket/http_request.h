// An HTTP/1.1 request parser for two purposes: a WebSocket upgrade, and the plain requests of the admin API. Strict
// (RFC 9112 without its leniencies: no bare LF, no folded lines, no blank before a colon), bounded, incremental. No
// chunked bodies: nobody here needs them. Threads: one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::gateway {

struct HttpHeader {
  std::string_view name;
  std::string_view value;  ///< Without blanks around it.
};

/// A parsed request. The views point into the bytes that were parsed.
struct HttpRequest {
  static constexpr std::size_t kHeadersMax = 64;

  std::string_view method;
  std::string_view path;   ///< The target up to "?", as it came: nothing is decoded.
  std::string_view query;  ///< Behind "?"; empty where there is none.
  std::array<HttpHeader, kHeadersMax> headers;
  std::size_t header_count = 0;
  std::string_view body;
  bool keep_alive = true;

  /// The value of the first header `name` (compared without case).
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  /// Whether a header `name` lists `token` (comma-separated, compared without case).
  [[nodiscard]] bool lists(std::string_view name, std::string_view token) const;
};

struct HttpLimits {
  std::size_t head_bytes_max = std::size_t{8} * 1024;
  std::size_t body_bytes_max = 0;
};

enum class HttpParse : std::uint8_t { kComplete, kNeedMore, kError };

class HttpRequestParser {
 public:
  explicit HttpRequestParser(const HttpLimits& limits) : limits_(limits) {}

  /// `bytes`: everything from the request's first byte on, each time; what was looked at is not scanned again.
  HttpParse parse(std::string_view bytes);

  // After kComplete:
  [[nodiscard]] const HttpRequest& request() const { return request_; }
  /// Bytes of head and body: what follows belongs to the next request, or to the upgraded protocol.
  [[nodiscard]] std::size_t size() const { return head_bytes_ + body_bytes_; }

  // After kError:
  [[nodiscard]] int status() const { return status_; }        ///< 400, 413 or 431.
  [[nodiscard]] const char* error() const { return error_; }  ///< What is wrong, for the answer's body.

 private:
  HttpParse fail(int status, const char* error);
  HttpParse find_head_end(std::string_view bytes);
  HttpParse parse_head(std::string_view head);
  bool parse_request_line(std::string_view line);
  bool parse_header_line(std::string_view line);
  HttpParse check_headers();

  HttpLimits limits_;
  HttpRequest request_;
  std::size_t scanned_ = 0;
  std::size_t head_bytes_ = 0;  ///< 0 until the head is complete.
  std::size_t body_bytes_ = 0;
  int status_ = 0;
  const char* error_ = "";
};

/// Whether `a` and `b` are equal without regard to ASCII case.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);
/// Whether the query `a=1&b=2` holds `name=value` literally.
[[nodiscard]] bool query_has(std::string_view query, std::string_view name, std::string_view value);

}  // namespace sluice::gateway
