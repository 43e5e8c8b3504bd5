// Wires the adapter together: see README.md for the map and routes.cc for a metric's way.
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "adapter/auth/auth_settings.h"
#include "adapter/limits.h"
#include "adapter/object_names.h"
#include "adapter/options.h"
#include "adapter/prometheus_client.h"
#include "adapter/relister.h"
#include "adapter/resource_discovery.h"
#include "adapter/routes.h"
#include "adapter/serving_certificate.h"
#include "common/base/otherwise.h"
#include "common/base/stop_signal.h"

namespace sluice::adapter {
namespace {

constexpr Duration kCertificateInterval{10'000};
constexpr Duration kStopTime{10'000};
// Endpoints take a moment to forget a pod that stops: what is still sent to us meanwhile is answered.
constexpr Duration kLameDuckTime{2'000};
// Longer than the 90 s for which Go's clients keep an idle connection, so that it is they who close it.
constexpr Duration kIdleTimeout{120'000};

int fail(const Error& error) {
  std::fprintf(stderr, "sluice-adapter: %s\n", error.message.c_str());
  return 1;
}

std::vector<std::string> own_names() {
  char name[256] = "";
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return {};
  return {name};
}

// Keeps the authenticator's settings as the API server has them.
class AuthWatch {
 public:
  AuthWatch(kube::Client& client, const Clock& clock, Random& random, MetricsRegistry& metrics, Authenticator& into)
      : informer_(client, clock, random, kube::kConfigMaps,
                  {.ns = kAuthConfigNamespace, .field_selector = std::string("metadata.name=") + kAuthConfigName},
                  &metrics) {
    informer_.add_handler([&into](const kube::Object&, const kube::Object& now) {
      if (now == nullptr) return;  // somebody deleted it: the API server makes it again
      auto settings = read_auth_settings(*now);
      const Status applied = settings ? into.set_settings(std::move(*settings)) : Status(settings.error());
      if (!applied)
        log_error("cannot use the API server's authentication settings", {{"error", applied.error().message}});
    });
  }
  void start() { informer_.start(); }
  void stop() { informer_.stop(); }

 private:
  kube::Informer informer_;
};

http::ServerOptions server_options(const Options& options, const http::CertifiedKey& certificate) {
  http::ServerOptions out;
  out.port = options.secure_port;
  out.tls = true;
  out.cert_pem = certificate.cert_pem;
  out.key_pem = certificate.key_pem;
  out.ask_client_certificate = true;
  out.workers = kWorkers;
  out.connections_max = kConnectionsMax;
  out.queue_max = kConnectionsMax;  // one request each
  out.idle_timeout = kIdleTimeout;
  out.header_bytes_max = kHeaderBytesMax;
  out.header_fields_max = kHeaderFieldsMax;
  out.body_bytes_max = kBodyBytesMax;
  out.refusal = refusal;
  return out;
}

// Waits for the signal that ends the program, and swaps the certificate when it changes.
void run_until_stopped(StopSignal& stop, ServingCertificate& certificate, http::Server& server) {
  while (!stop.wait_for(kCertificateInterval)) {
    const auto changed = certificate.refresh();
    if (!changed) {
      log_warn("cannot read the certificate again", {{"error", changed.error().message}});
    } else if (*changed) {
      const Status used = server.set_certificate(certificate.current().cert_pem, certificate.current().key_pem);
      if (used) log_info("serving a new certificate");
      if (!used) log_warn("cannot use the new certificate", {{"error", used.error().message}});
    }
  }
}

int run(const Options& options, StopSignal& stop) {
  auto parsed = load_rules(options.config);
  if (!parsed) return fail(parsed.error());
  const auto rules = std::make_shared<const std::vector<Rule>>(std::move(*parsed));
  auto config = kube::resolve_config(options.kubeconfig);
  if (!config) return fail(config.error());
  const SystemClock clock;
  auto certificate = ServingCertificate::open(
      {options.tls_cert_file, options.tls_private_key_file, options.cert_dir, own_names()}, clock);
  if (!certificate) return fail(certificate.error());

  MetricsRegistry metrics;
  Random random(Random::entropy());
  kube::Client client(std::move(*config), "sluice-adapter/" SLUICE_VERSION, &metrics);
  KubeReviews reviews(client, kReviewSlots);
  Authenticator authenticator(reviews, clock);
  Authorizer authorizer(reviews, clock);
  AuthWatch auth_watch(client, clock, random, metrics, authenticator);
  WatchedObjects objects(client, clock, random, metrics);
  PrometheusClient prometheus(options.prometheus_url, metrics);
  CatalogHolder catalog;
  KubeResources resources(client);
  Relister relister(rules, prometheus, resources, clock, {options.metrics_relist_interval, options.metrics_max_age},
                    catalog, metrics);
  const MetricAnswerer answerer(prometheus, objects, clock, options.metrics_max_age, metrics);
  std::atomic<bool> stopping = false;
  Routes routes({authenticator, authorizer, answerer, catalog, metrics,
                 [&] {
                   return std::vector<std::pair<std::string, bool>>{{"authentication-settings", authenticator.ready()},
                                                                    {"pods", objects.synced()},
                                                                    {"resources", catalog.get() != nullptr},
                                                                    {"not-stopping", !stopping}};
                 },
                 [&relister](const MetricKey& key) { relister.hurry(key); }},
                kMetricsAtOnceMax);

  auto server = http::Server::start(server_options(options, certificate->current()),
                                    [&routes](const http::ServerRequest& request) { return routes.handle(request); });
  if (!server) return fail(server.error());
  log_info("sluice-adapter serves", {{"version", SLUICE_VERSION},
                                     {"port", (*server)->port()},
                                     {"rules", rules->size()},
                                     {"metrics_max_age", options.metrics_max_age}});
  auth_watch.start();
  objects.start();
  relister.start();

  run_until_stopped(stop, *certificate, **server);
  log_info("stopping");
  stopping = true;
  std::this_thread::sleep_for(kLameDuckTime);
  {
    // A handler that still waits then (for Prometheus, for the API server) is not worth our own grace period.
    const Otherwise hurry(kStopTime, [&] {
      log_warn("requests are still under way; stopping without them");
      prometheus.shut_down();
      client.shut_down();
    });
    (*server)->stop(kStopTime);
  }
  prometheus.shut_down();
  client.shut_down();
  relister.stop();
  objects.stop();
  auth_watch.stop();
  return 0;
}

}  // namespace
}  // namespace sluice::adapter

int main(int argc, char** argv) {
  using namespace sluice;  // NOLINT(google-build-using-namespace): only here
  // A heap for each of two dozen threads would cost more than everything in it.
  mallopt(M_ARENA_MAX, 2);
  StopSignal stop;
  const auto options = adapter::parse_options({argv + 1, argv + argc});
  if (!options) return adapter::fail(options.error());
  if (options->help) return std::fputs(adapter::help_text(), stdout) < 0 ? 1 : 0;
  if (options->version) return std::printf("sluice-adapter %s\n", SLUICE_VERSION) < 0 ? 1 : 0;
  set_log_level(options->log_level);
  return adapter::run(*options, stop);
}
