#include "gateway/websocket/http_request.h"

#include <doctest/doctest.h>

#include <string>

namespace sluice::gateway {
namespace {

constexpr HttpLimits kLimits{.head_bytes_max = 512, .body_bytes_max = 16};

/// Parses `bytes` as they grow by `piece`; the status of the error, 200 where complete, 0 where more is needed.
int status_of(const std::string& bytes, std::size_t piece) {
  HttpRequestParser parser(kLimits);
  for (std::size_t size = std::min(piece, bytes.size());; size = std::min(size + piece, bytes.size())) {
    const HttpParse parse = parser.parse(std::string_view(bytes).substr(0, size));
    if (parse == HttpParse::kComplete) return 200;
    if (parse == HttpParse::kError) {
      CHECK(std::string(parser.error()) != "");
      return parser.status();
    }
    if (size == bytes.size()) return 0;
  }
}

TEST_CASE("requests are read, or refused with a status") {
  struct Row {
    const char* name;
    std::string bytes;
    int status;
  };
  const std::string many = [] {
    std::string lines;
    for (int i = 0; i < 70; ++i) lines += "a:\r\n";
    return lines;
  }();
  const Row rows[] = {
      {"a plain request", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200},
      {"blanks around a value", "GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", 200},
      {"an empty value", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 200},
      {"bytes above ASCII in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \xC3\xA4\r\n\r\n", 200},
      {"a body", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200},
      {"half a body", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab", 0},
      {"half a head", "GET / HTTP/1.1\r\nHost: a\r\n", 0},
      {"a body that is too large", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n", 413},
      {"a body's length with a sign", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400},
      {"a body's length that overflows", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
       400},
      {"two lengths", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"chunks", "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", 400},
      {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"a target that is no path", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a method that is no token", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", 0},
      {"a bare LF among CRLFs", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
      {"a folded line", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400},
      {"a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"a line without a colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400},
      {"a control character", std::string("GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n"), 400},
      {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01", 6), 400},
      {"an empty line first", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"a head that is too large", "GET /" + std::string(600, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 431},
      {"a head without an end", "GET /" + std::string(600, 'x'), 431},
      {"too many headers", "GET / HTTP/1.1\r\n" + many + "\r\n", 431},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, row.bytes.size()}) {
      CAPTURE(piece);
      CHECK(status_of(row.bytes, piece) == row.status);
    }
  }
}

TEST_CASE("a parsed request shows its parts and leaves what follows it") {
  const std::string bytes =
      "PUT /admin/v1/drain?a=1&sluice-hints=1 HTTP/1.1\r\nHost: h\r\nconnection: keep-alive, Upgrade\r\n"
      "Content-Length: 2\r\n\r\n{}GET";
  HttpRequestParser parser(kLimits);
  REQUIRE(parser.parse(bytes) == HttpParse::kComplete);
  const HttpRequest& request = parser.request();
  CHECK(request.method == "PUT");
  CHECK(request.path == "/admin/v1/drain");
  CHECK(request.query == "a=1&sluice-hints=1");
  CHECK(request.header("HOST") == "h");
  CHECK(!request.header("Hos"));
  CHECK(request.lists("Connection", "upgrade"));
  CHECK(!request.lists("Connection", "keep"));
  CHECK(request.body == "{}");
  CHECK(request.keep_alive);
  CHECK(bytes.substr(parser.size()) == "GET");
}

TEST_CASE("a query holds a pair or does not") {
  CHECK(query_has("sluice-hints=1", "sluice-hints", "1"));
  CHECK(query_has("a&sluice-hints=1&b=2", "sluice-hints", "1"));
  CHECK(!query_has("sluice-hints=10", "sluice-hints", "1"));
  CHECK(!query_has("xsluice-hints=1", "sluice-hints", "1"));
  CHECK(!query_has("sluice-hints", "sluice-hints", "1"));
  CHECK(!query_has("", "sluice-hints", "1"));
}

}  // namespace
}  // namespace sluice::gateway
