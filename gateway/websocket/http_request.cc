#include "gateway/websocket/http_request.h"

#include <algorithm>

namespace sluice::gateway {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// RFC 9110, section 5.6.2: tchar.
bool is_token_char(char c) {
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Neither control characters nor DEL may stand in a head, but for CR, LF and tab.
bool is_head_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7F) || c == '\r' || c == '\n' || c == '\t';
}

bool parse_length(std::string_view text, std::size_t& length) {
  if (text.empty() || text.size() > 12 || !std::all_of(text.begin(), text.end(), is_digit)) return false;
  length = 0;
  for (const char c : text) length = length * 10 + static_cast<std::size_t>(c - '0');
  return true;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool query_has(std::string_view query, std::string_view name, std::string_view value) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name && pair.substr(equals + 1) == value) {
      return true;
    }
  }
  return false;
}

std::optional<std::string_view> HttpRequest::header(std::string_view name) const {
  for (std::size_t i = 0; i < header_count; ++i) {
    if (equals_ignoring_case(headers[i].name, name)) return headers[i].value;
  }
  return std::nullopt;
}

std::size_t HttpRequest::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.begin() + static_cast<std::ptrdiff_t>(header_count),
                    [name](const HttpHeader& header) { return equals_ignoring_case(header.name, name); }));
}

bool HttpRequest::lists(std::string_view name, std::string_view token) const {
  for (std::size_t i = 0; i < header_count; ++i) {
    if (!equals_ignoring_case(headers[i].name, name)) continue;
    std::string_view rest = headers[i].value;
    while (!rest.empty()) {
      const std::string_view entry = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
      if (equals_ignoring_case(trim(entry), token)) return true;
    }
  }
  return false;
}

HttpParse HttpRequestParser::fail(int status, const char* error) {
  status_ = status;
  error_ = error;
  return HttpParse::kError;
}

HttpParse HttpRequestParser::parse(std::string_view bytes) {
  if (head_bytes_ == 0) {
    const HttpParse found = find_head_end(bytes);
    if (found != HttpParse::kComplete) return found;
  }
  if (bytes.size() < head_bytes_ + body_bytes_) return HttpParse::kNeedMore;
  // The caller's buffer may have moved since the head was complete: the views are taken now.
  const std::size_t body_bytes = body_bytes_;
  const HttpParse parsed = parse_head(bytes.substr(0, head_bytes_));
  if (parsed == HttpParse::kComplete) request_.body = bytes.substr(head_bytes_, body_bytes);
  return parsed;
}

HttpParse HttpRequestParser::find_head_end(std::string_view bytes) {
  const std::string_view fresh = bytes.substr(std::min(scanned_, bytes.size()), limits_.head_bytes_max);
  const std::size_t from = scanned_ < 3 ? 0 : scanned_ - 3;
  const std::size_t end = bytes.substr(0, limits_.head_bytes_max).find("\r\n\r\n", from);
  const std::size_t head_end = end == std::string_view::npos ? bytes.size() : end + 4;
  const std::string_view head_part = fresh.substr(0, head_end - std::min(head_end, scanned_));
  if (!std::all_of(head_part.begin(), head_part.end(), is_head_char)) {
    return fail(400, "the request holds a control character: this is not HTTP/1.1 in plain text");
  }
  scanned_ = std::min(bytes.size(), limits_.head_bytes_max);
  if (end == std::string_view::npos) {
    if (bytes.size() >= limits_.head_bytes_max) return fail(431, "the request's head is too large");
    return HttpParse::kNeedMore;
  }
  const HttpParse parsed = parse_head(bytes.substr(0, end + 4));
  if (parsed == HttpParse::kComplete) head_bytes_ = end + 4;
  return parsed;
}

HttpParse HttpRequestParser::parse_head(std::string_view head) {
  request_ = HttpRequest();
  bool first = true;
  while (true) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.find_first_of("\r\n") != std::string_view::npos) return fail(400, "a line ends in a bare CR or LF");
    if (first) {
      if (!parse_request_line(line)) return HttpParse::kError;
      first = false;
      continue;
    }
    if (line.empty()) return check_headers();
    if (!parse_header_line(line)) return HttpParse::kError;
  }
}

bool HttpRequestParser::parse_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || !is_token(line.substr(0, first))) {
    fail(400, "the request line is not METHOD TARGET HTTP/1.1");
    return false;
  }
  if (line.substr(second + 1) != "HTTP/1.1") {
    fail(400, "the HTTP version is not 1.1");
    return false;
  }
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const bool printable = std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (target.empty() || target.front() != '/' || !printable) {
    fail(400, "the request's target is not an absolute path");
    return false;
  }
  request_.method = line.substr(0, first);
  const std::size_t question = target.find('?');
  request_.path = target.substr(0, question);
  if (question != std::string_view::npos) request_.query = target.substr(question + 1);
  return true;
}

bool HttpRequestParser::parse_header_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    fail(400, "a header line is not NAME: VALUE");
    return false;
  }
  if (request_.header_count == HttpRequest::kHeadersMax) {
    fail(431, "the request has too many headers");
    return false;
  }
  request_.headers[request_.header_count++] = {line.substr(0, colon), trim(line.substr(colon + 1))};
  return true;
}

HttpParse HttpRequestParser::check_headers() {
  if (request_.count("Host") != 1) return fail(400, "the request needs exactly one Host header");
  if (request_.count("Transfer-Encoding") > 0) return fail(400, "Transfer-Encoding is not supported");
  if (request_.count("Content-Length") > 1) return fail(400, "the request has several Content-Length headers");
  body_bytes_ = 0;
  if (const auto length = request_.header("Content-Length"); length && !parse_length(*length, body_bytes_)) {
    return fail(400, "the Content-Length is not a number");
  }
  if (body_bytes_ > limits_.body_bytes_max) return fail(413, "the request's body is too large");
  request_.keep_alive = !request_.lists("Connection", "close");
  return HttpParse::kComplete;
}

}  // namespace sluice::gateway
