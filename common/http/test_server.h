// For tests: servers with usual options, and what is sent to them.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "common/http/certificate.h"
#include "common/http/server.h"

namespace sluice::http {

inline CertifiedKey certificate(const std::string& name, const CertifiedKey* issuer = nullptr, bool ca = false) {
  CertificateSpec spec;
  spec.common_name = name;
  spec.dns_names = {"localhost"};
  spec.ca = ca;
  spec.not_before = SystemClock().wall() - std::chrono::hours(1);
  spec.not_after = spec.not_before + std::chrono::hours(24);
  auto made = make_certificate(spec, issuer);
  REQUIRE(made.ok());
  return std::move(*made);
}

inline ServerOptions local(int workers = 2) {
  ServerOptions options;
  options.address = "127.0.0.1";
  options.workers = workers;
  return options;
}

inline ServerOptions with_tls(const CertifiedKey& identity) {
  ServerOptions options = local();
  options.tls = true;
  options.cert_pem = identity.cert_pem;
  options.key_pem = identity.key_pem;
  options.ask_client_certificate = true;
  return options;
}

inline std::unique_ptr<Server> start(ServerOptions options, Server::Handler handler) {
  auto server = Server::start(std::move(options), std::move(handler));
  REQUIRE_MESSAGE(server.ok(), (server.ok() ? "" : server.error().message));
  return std::move(*server);
}

inline ServerResponse echo(const ServerRequest& request) {
  return ServerResponse::text(200, request.method + " " + request.path + " ? " + request.query + " : " + request.body +
                                       " chain=" + std::to_string(request.peer_chain_der.size()));
}

inline std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

inline const std::string kGet = "GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace sluice::http
