// The adapter's HTTP side: who asks (auth/), what for (metric_request.h), whether it may, and the answer. Start here to
// follow a metric's way.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "adapter/api_error.h"
#include "adapter/auth/authenticator.h"
#include "adapter/auth/authorizer.h"
#include "adapter/catalog.h"
#include "adapter/metric_answer.h"
#include "adapter/slots.h"
#include "common/base/metrics.h"
#include "common/http/server.h"

namespace sluice::adapter {

/// Whether an Accept header takes JSON, which is all we speak.
bool accepts_json(std::string_view accept);

/// What an authorisation is asked about for a route. `path` is the request's.
AccessAttributes attributes_of(const Route& route, std::string_view path);

/// What the server answers where no handler does, as a Status too.
http::ServerResponse refusal(int status, std::string message);

class Routes {
 public:
  /// A part that has to be there before metrics can be answered, and whether it is.
  using ReadyChecks = std::function<std::vector<std::pair<std::string, bool>>()>;

  struct Parts {
    Authenticator& authenticator;
    Authorizer& authorizer;
    const MetricAnswerer& answerer;
    const CatalogHolder& catalog;
    MetricsRegistry& metrics;
    ReadyChecks ready;
    std::function<void(const MetricKey&)> on_unknown_metric;  ///< Must not block.
  };

  /// `metrics_at_once_max`: how many requests may wait for Prometheus at a time; one more gets 429. Keep it below the
  /// server's workers: discovery must be answered while Prometheus is slow, or the APIService becomes unavailable.
  Routes(Parts parts, int metrics_at_once_max);

  /// Threads: any; blocks.
  [[nodiscard]] http::ServerResponse handle(const http::ServerRequest& request);

 private:
  http::ServerResponse answer(const http::ServerRequest& request, const Route& route);
  http::ServerResponse ready(const http::ServerRequest& request) const;
  http::ServerResponse metric(const http::ServerRequest& request, const Route& route, const User& user);
  http::ServerResponse document(const Route& route) const;
  /// Nothing where the user may.
  std::optional<ApiError> refuse(const http::ServerRequest& request, const Route& route, const User& user) const;
  void count(const std::string& method, const Route& route, int status, SteadyTime began) const;

  Parts parts_;
  Slots metric_slots_;
  const std::shared_ptr<const std::string> groups_, group_, version_;
};

}  // namespace sluice::adapter
