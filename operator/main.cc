// Wires sluice-operator together: caches, leader election, controller, probes and metrics.
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/base/otherwise.h"
#include "common/base/process_memory.h"
#include "common/base/random.h"
#include "common/base/stop_signal.h"
#include "common/http/server.h"
#include "common/kube/client.h"
#include "common/kube/config.h"
#include "common/kube/events.h"
#include "common/kube/leader_election.h"
#include "operator/admin_client.h"
#include "operator/caches.h"
#include "operator/controller.h"
#include "operator/debug_plan.h"
#include "operator/limits.h"
#include "operator/options.h"

namespace sluice::op {
namespace {

constexpr const char* kProgram = "sluice-operator";
/// Calls to an API server that does not answer must not use up our own grace period (30 s by default). What follows,
/// the release of the lease, takes 10 s at most.
constexpr Duration kStopPatience{10'000};

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

/// Unique to this process: a restarted container has the same pod name.
std::string identity(Random& random) {
  char host[256] = "unknown";
  (void)gethostname(host, sizeof host - 1);
  char unique[17];
  std::snprintf(unique, sizeof unique, "%016llx", static_cast<unsigned long long>(random.below(~0ull)));
  return environment("POD_NAME").value_or(host) + "_" + unique;
}

/// One at a time: of the two workers the other one is for probes.
http::ServerResponse serve_plan(const http::ServerRequest& request, Controller& controller, std::mutex& turns) {
  if (request.method != "GET") return http::ServerResponse::text(405, "GET is what there is\n");
  const std::unique_lock turn(turns, std::try_to_lock);
  if (!turn) {
    http::ServerResponse busy = http::ServerResponse::text(503, "another plan is being made; ask again\n");
    busy.headers.emplace_back("Retry-After", "1");
    return busy;
  }
  const auto look = [&controller](const std::string& key) { return controller.look_again(key); };
  PlanAnswer answer = answer_plan(request.query, look, kSystemClock.wall());
  return http::ServerResponse::json(answer.status, std::move(answer.body));
}

http::ServerResponse serve(const http::ServerRequest& request, const Caches& caches, const MetricsRegistry& metrics) {
  if (request.path == "/healthz") return http::ServerResponse::text(200, "ok\n");
  if (request.path == "/readyz") {
    if (caches.synced()) return http::ServerResponse::text(200, "ok\n");
    return http::ServerResponse::text(503, "the first lists from the API server are not complete\n");
  }
  if (request.path == "/metrics") {
    http::ServerResponse response = http::ServerResponse::text(200, metrics.text());
    response.content_type = kMetricsContentType;
    return response;
  }
  return http::ServerResponse::text(404, "there are /metrics, /healthz, /readyz and /debug/v1/plan\n");
}

int fail(const Error& error) {
  std::fprintf(stderr, "%s: %s\n", kProgram, error.message.c_str());
  return 1;
}

int run(const Options& options, StopSignal& stop) {
  const Result<kube::Config> config = kube::resolve_config(options.kubeconfig);
  if (!config) return fail(config.error());
  const SystemClock clock;
  Random random(Random::entropy());
  MetricsRegistry metrics;
  kube::Client client(*config, std::string(kProgram) + "/" SLUICE_VERSION, &metrics);
  // A connection of its own: the lease is renewed though the workers' calls hang, and released though they are given
  // up.
  kube::Client lease_client(*config, std::string(kProgram) + "/" SLUICE_VERSION, &metrics);
  const std::string ns = options.ns.empty() ? client.default_namespace() : options.ns;
  const std::string me = identity(random);

  Caches caches(client, clock, random, metrics, options.watch_ns);
  AdminClient admin(clock, metrics);
  auto events = std::make_unique<kube::EventRecorder>(client, clock, random, kProgram, me, &metrics);
  auto controller = std::make_unique<Controller>(
      client, caches, admin, *events, clock, metrics,
      Controller::Options{.ns = ns, .watch_ns = options.watch_ns, .default_image = options.gateway_image});
  std::mutex plan_turns;
  const auto server = http::Server::start(
      {.address = options.metrics_address, .port = options.metrics_port, .workers = 2, .connections_max = 64},
      [&](const http::ServerRequest& request) {
        if (request.path == kDebugPlanPath) return serve_plan(request, *controller, plan_turns);
        return serve(request, caches, metrics);
      });
  if (!server) return fail(server.error());
  log_info("started", {{"version", SLUICE_VERSION},
                       {"namespace", ns},
                       {"watches", options.watch_ns.empty() ? "all namespaces" : options.watch_ns},
                       {"identity", me},
                       {"port", (*server)->port()}});

  caches.start();
  kube::LeaderElector elector(lease_client, clock, random, {.ns = ns, .name = kProgram, .identity = me}, &metrics);
  if (options.leader_elect) {
    elector.start([&] { controller->start(); },
                  [] {
                    // Somebody else may lead by now: not one more write may come from here.
                    log_error("the lease is lost; exiting so that nothing is done twice");
                    std::_Exit(1);
                  });
  } else {
    controller->start();
  }
  // This thread has nothing else to do. Who becomes the leader later has a start of its own, see Controller::run().
  bool stopping = stop.wait_for(kStartupLasts);
  if (!stopping) forget_startup();
  while (!stopping) {
    stopping = stop.wait_for(kGiveBackHeapEvery);
    if (!stopping) give_back_heap();
  }

  // The order matters: workers stop before the lease goes to another, and the last events are sent before the client
  // ends.
  log_info("stopping");
  {
    const Otherwise hurry(kStopPatience, [&] {
      log_warn("the workers have not ended yet: their calls to the API server are given up",
               {{"after", kStopPatience}});
      client.shut_down();
    });
    controller->stop();
  }
  elector.stop_and_release();
  events.reset();
  client.shut_down();
  caches.stop();
  (*server)->stop(1s);
  log_info("stopped");
  return 0;
}

}  // namespace
}  // namespace sluice::op

int main(int argc, char** argv) {
  using namespace sluice;
  // A heap for each of two dozen threads would cost more than most of what is in it.
  mallopt(M_ARENA_MAX, 2);
  // Small blocks that are freed are joined at once, instead of all together at the next large one: less is left in
  // pieces, and looks at hundreds of pods take a tenth less.
  mallopt(M_MXFAST, 0);
  StopSignal stop;  // Before any thread, so that all of them leave the signals to it.
  const auto options = op::parse_options({argv + 1, argv + argc}, op::environment);
  if (!options) return op::fail(options.error());
  if (options->help) {
    std::fputs(op::help_text().c_str(), stdout);
    return 0;
  }
  if (options->version) {
    std::puts(SLUICE_VERSION);
    return 0;
  }
  set_log_level(options->log_level);
  return op::run(*options, stop);
}
