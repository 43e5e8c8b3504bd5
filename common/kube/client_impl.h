// How the API server's client sends one call: signs it, sends it again where the server asks for that, and reads the
// answer. Internal to client.cc. Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "common/base/mutex.h"
#include "common/kube/client.h"
#include "common/kube/credentials.h"
#include "common/kube/protobuf.h"
#include "common/kube/request_metrics.h"

namespace sluice::kube {

inline constexpr const char* kJsonType = "application/json";

/// A call as the methods describe it; `what` names it in errors.
struct Call {
  std::string method;
  std::string path;
  std::string query;
  std::string content_type = kJsonType;
  std::string body;
  Duration timeout = Client::kCallTimeout;
  std::size_t response_bytes_max = http::Request{}.response_bytes_max;
  const ProtobufMessage* message = nullptr;  // as Resource has it

  [[nodiscard]] std::string what() const { return method + " " + path; }
};

struct Client::Impl {
  const Config config;
  const Clock& clock;
  Credentials credentials;
  const http::Headers impersonation;
  RequestMetrics metrics;
  http::Client http;
  Mutex mutex;
  Condition stopped;
  bool stopping GUARDED_BY(mutex) = false;
  std::atomic<bool> takes_protobuf{true};  // until the server, or a proxy before it, says that it does not

  Impl(Config c, std::string user_agent, MetricsRegistry* registry, const Clock& k);

  struct Signed {
    http::Request request;
    std::uint64_t generation = 0;  // of the credentials
  };
  Result<Signed> sign(const Call& call, Duration at_most);
  Result<http::Response> send(const Call& call);
  Result<Json> send_json(const Call& call);
  Status check(const Call& call, const http::Response& answer) const;
  Result<Json> read_json(const Call& call, const http::Response& answer) const;
  Result<http::Response> send_ok(const Call& call);
  void saw_status(const std::string& method, int status, std::uint64_t generation);
  void saw_failure(const std::string& method, const Error& error);
  bool pause(Duration wait);
};

}  // namespace sluice::kube
