#include "gateway/testing/test_gateway.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "common/base/duration_text.h"
#include "gateway/testing/certificate.h"
#include "gateway/testing/tls_socket.h"

namespace sluice::gateway::testing {

HttpAnswer http_call(std::uint16_t port, std::string_view method, std::string_view path, std::string_view headers,
                     std::string_view body) {
  ClientSocket socket(port);
  socket.send(std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" +
              std::string(headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
  const std::string all = socket.read_to_end();
  const std::size_t end = all.find("\r\n\r\n");
  if (end == std::string::npos) return {};
  return {std::atoi(all.c_str() + 9), all.substr(0, end + 2), all.substr(end + 4)};
}

HttpAnswer KeptConnection::get(std::string_view path) {
  send("GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n\r\n");
  return next();
}

HttpAnswer KeptConnection::next() {
  constexpr std::string_view kLength = "Content-Length: ";
  while (true) {
    const std::size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::size_t length = buffer_.find(kLength);
      REQUIRE(length < end);
      const std::size_t body = static_cast<std::size_t>(std::atoi(buffer_.c_str() + length + kLength.size()));
      if (buffer_.size() >= end + 4 + body) {
        HttpAnswer answer{std::atoi(buffer_.c_str() + 9), buffer_.substr(0, end + 2), buffer_.substr(end + 4, body)};
        buffer_.erase(0, end + 4 + body);
        return answer;
      }
    }
    const std::string piece = socket_.read_waiting();
    if (piece.empty()) return {};
    buffer_ += piece;
  }
}

double metric_in(std::string_view text, std::string_view series) {
  const std::string all = "\n" + std::string(text);
  const std::string line = "\n" + std::string(series) + " ";
  const std::size_t at = all.find(line);
  REQUIRE_MESSAGE(at != std::string::npos, "no series " << line);
  return std::atof(all.c_str() + at + line.size());
}

TestGateway::TestGateway(const std::function<void(Config&)>& change, Wire wire) : key_(*SigningKey::generate()) {
  set_log_level(LogLevel::kError);
  keys_.write("operator.pem", key_.public_pem());
  Config config;
  config.listen = {"127.0.0.1", 0};
  config.tls.port = 0;
  if (wire == Wire::kTls) {
    write_certificate(certificate_, "test");
    config.tls = {0, certificate_.file("server.crt"), certificate_.file("server.key")};
  }
  config.admin = {"127.0.0.1", 0, keys_.path(), "pod-1"};
  config.metrics = {"127.0.0.1", 0};
  config.limits.connections = 1000;
  config.admission.per_second = config.admission.per_second_max = 1e6;  // The clock stands still while clients come.
  if (change) change(config);
  auto started = Gateway::start(config, clock_, 1);
  REQUIRE(started);
  gateway_ = *std::move(started);
}

WebSocketClient TestGateway::connect(std::string_view path, std::string_view headers, int receive_buffer) {
  if (ports().tls == 0) return {ports().listen, path, headers, receive_buffer};
  return {std::make_unique<TlsClientSocket>(ports().tls, receive_buffer), path, headers};
}

void TestGateway::advance(Duration by) {
  clock_.advance(by);
  gateway_->wake();
}

HttpAnswer TestGateway::admin(std::string_view method, std::string_view path, std::string_view body) {
  const std::string token = key_.sign("pod-1", clock_.wall(), 60s);
  return http_call(ports().admin, method, path, "Authorization: Bearer " + token + "\r\n", body);
}

void TestGateway::drain(double rate, Duration jitter, Duration deadline) {
  const HttpAnswer answer = admin("PUT", "/admin/v1/drain",
                                  R"({"reason":"ScaleDown","deadline":")" + format_rfc3339(clock_.wall() + deadline) +
                                      R"(","ratePerSecond":)" + std::to_string(rate) +
                                      R"(,"closeCode":1012,"hintJitterMs":)" + std::to_string(jitter.count()) + "}");
  REQUIRE(answer.status == 200);
  gateway_->wake();
}

double TestGateway::metric(std::string_view series) {
  return metric_in(http_call(ports().metrics, "GET", "/metrics").body, series);
}

std::int64_t TestGateway::active() {
  return gateway_->count(ConnectionState::kActive);
}

}  // namespace sluice::gateway::testing
