// For tests: one part of common/kube as a process that can be frozen and killed. It says what happens as JSON lines on
// stdout, obeys lines on stdin and ends in good order when stdin does.
//   kube_probe informer NAMESPACE        tells changes of the namespace's ConfigMaps; "state" answers the cache
//   kube_probe elector NAMESPACE NAME [LEASE_SECONDS]   stands for the Lease `lock` as NAME
//   kube_probe events NAMESPACE          each line is the note of an event about the ConfigMap `edge`
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/random.h"
#include "common/kube/events.h"
#include "common/kube/informer.h"
#include "common/kube/leader_election.h"
#include "tests/integration/kube/cluster.h"

namespace sluice::kube {
namespace {

/// One line for the test. Threads: any.
void say(const Json& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line.dump() << std::endl;  // flushed: the test waits for it
}

struct Probe {
  SystemClock clock;
  Random random{Random::entropy()};
  MetricsRegistry metrics;
  Client client{cluster_config(), "sluice-kube-probe", nullptr};
};

std::string value_of(const Json& object) {
  return text_at(object, "/data/value");
}

std::string change_text(const Object& before, const Object& after) {
  if (!before) return "+" + std::string(name_of(*after)) + "=" + value_of(*after);
  if (!after) return "-" + std::string(name_of(*before));
  return std::string(name_of(*after)) + "=" + value_of(*before) + ">" + value_of(*after);
}

void run_informer(const std::string& ns) {
  Probe probe;
  Informer informer(probe.client, probe.clock, probe.random, kConfigMaps,
                    {.ns = ns, .field_selector = "metadata.name!=kube-root-ca.crt"}, &probe.metrics);
  informer.add_handler([](const Object& before, const Object& after) { say({{"told", change_text(before, after)}}); });
  informer.start();
  std::thread syncing([&] {
    if (informer.wait_synced(kPatience)) say({{"synced", true}});
  });
  for (std::string line; std::getline(std::cin, line);) {
    Json cache = Json::object();
    for (const Object& object : informer.list()) cache[std::string(name_of(*object))] = value_of(*object);
    const double lists = probe.metrics.counter("reflector_lists_total", "", {{"name", "configmaps"}}).value();
    say({{"cache", cache}, {"lists", static_cast<int>(lists)}});
  }
  informer.stop();
  syncing.join();
}

void run_elector(const std::string& ns, const std::string& name, Duration lease) {
  Probe probe;
  LeaderElector::Options options{.ns = ns, .name = "lock", .identity = name};
  if (lease > Duration(0)) {
    // In the proportions of the defaults.
    options.lease = lease;
    options.renew_deadline = lease * 2 / 3;
    options.retry = lease * 2 / 15;
  }
  LeaderElector elector(probe.client, probe.clock, probe.random, options, &probe.metrics);
  elector.start([] { say({{"told", "started"}}); }, [] { say({{"told", "lost"}}); });
  say({{"running", true}});
  for (std::string line; std::getline(std::cin, line);) say({{"leading", elector.leading()}});
  elector.stop_and_release();
}

void run_events(const std::string& ns) {
  Probe probe;
  const Result<Json> object = probe.client.get(kConfigMaps, ns, "edge");
  if (!object) return say({{"error", object.error().message}});
  EventRecorder recorder(probe.client, probe.clock, probe.random, "sluice-kube-probe", "probe", &probe.metrics);
  say({{"running", true}});
  for (std::string line; std::getline(std::cin, line);) {
    recorder.record(*object, EventType::kNormal, "Tested", "Test", line);
    say({{"recorded", line}});
  }
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 2 && words[0] == "informer") return run_informer(words[1]), 0;
  if (words.size() == 3 && words[0] == "elector") return run_elector(words[1], words[2], Duration(0)), 0;
  if (words.size() == 4 && words[0] == "elector") {
    return run_elector(words[1], words[2], std::chrono::seconds(std::stoi(words[3]))), 0;
  }
  if (words.size() == 2 && words[0] == "events") return run_events(words[1]), 0;
  std::cerr << "usage: kube_probe informer NAMESPACE | elector NAMESPACE NAME [LEASE_SECONDS] | events NAMESPACE\n";
  return 2;
}

}  // namespace
}  // namespace sluice::kube

int main(int argc, char** argv) {
  return sluice::kube::run(std::vector<std::string>(argv + 1, argv + argc));
}
