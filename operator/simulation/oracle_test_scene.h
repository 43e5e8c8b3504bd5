// A few pods in a world in which nothing happens by itself, for the oracle's tests.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "operator/names.h"
#include "operator/simulation/oracle.h"

namespace sluice::op::simulation {

/// `pods` of revision "good" that serve `clients` together.
class Scene {
 public:
  explicit Scene(int pods, std::int64_t clients = 0) {
    world.write_spec({{"replicas", pods}});
    for (const char* version : {"good", kBadVersion}) {
      Revision revision;
      revision.hash = version;
      revision.pod_template["metadata"]["labels"]["v"] = version;
      world.revisions().push_back(revision);
    }
    for (int i = 0; i < pods; ++i) make("p" + std::to_string(i), "good");
    pass(15s);
    world.arrive(clients);
    pass(1s);
  }

  void make(const std::string& name, const std::string& revision) {
    (void)world.create_pod({{"metadata",
                             {{"name", name},
                              {"namespace", kNamespace},
                              {"labels",
                               {{kGatewayLabel, kGatewayName},
                                {kStateLabel, "active"},
                                {kTrafficLabel, "on"},
                                {kRevisionLabel, revision},
                                {"v", revision}}}}},
                            {"spec", kube::Json::object()}});
  }

  void pass(Duration time) {
    for (; time > Duration(0); time -= 200ms) {
      world.advance(200ms);
      oracle.look();
    }
  }
  /// So long that the operator cannot know of anything else.
  void settle() { pass(kViewAge + 1s); }

  [[nodiscard]] PodRef ref(const std::string& name) const {
    const kube::Json& object = world.pods().at(name).object;
    return {name, std::string(kube::uid_of(object)), std::string(kube::resource_version_of(object)), ""};
  }
  void drain(const std::string& name, DrainRecord record = {}) {
    if (record.deadline == WallTime{}) record.deadline = world.clock.wall() + 1h;
    label(name, "draining", "off");
    (void)world.patch_pod(name, "", nullptr, {{kDrainAnnotation, encode_drain_record(record)}});
  }
  void label(const std::string& name, const char* state, const char* traffic) {
    (void)world.patch_pod(name, "", {{kStateLabel, state}, {kTrafficLabel, traffic}}, nullptr);
  }
  void start(const std::string& name, DrainReason reason = DrainReason::kScaleDown) {
    oracle.starting_drain(name, ref(name).resource_version, reason);
  }
  void kick(const std::string& name, int severity) {
    HealthRecord record;
    record.severity = severity;
    oracle.kicking({.pod = ref(name), .record = record, .news = HealthNews::kKicked, .why = ""});
  }
  /// As kick(), and done.
  void put_out(const std::string& name) {
    label(name, "offline", "off");
    (void)world.patch_pod(name, "", nullptr, {{kHealthAnnotation, encode_health_record({})}});
  }
  /// Its kubelet says that it is not ready, for as long as this lasts.
  void make_unready(const std::string& name) {
    world.hang(world.pods().at(name), 30s);
    pass(5s);
    REQUIRE_FALSE(is_ready(world.pods().at(name)));
  }
  [[nodiscard]] std::string verdict() const { return oracle.violation().substr(0, oracle.violation().find('\n')); }
  [[nodiscard]] bool says(const std::string& words) const { return verdict().find(words) != std::string::npos; }

  World world{1};
  Oracle oracle{world};
};

}  // namespace sluice::op::simulation
