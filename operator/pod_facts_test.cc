#include "operator/pod_facts.h"

#include <doctest/doctest.h>

#include "operator/slim_test.h"

namespace sluice::op {

TEST_CASE("nothing that a pod's facts are made of is left out of the fields that are read") {
  kube::Json pod = kube::Json::parse(R"({"apiVersion":"v1","kind":"Pod",
    "metadata":{"name":"edge-1","namespace":"live","uid":"u","resourceVersion":"1",
      "creationTimestamp":"2026-11-26T10:00:00Z","deletionTimestamp":"2026-11-26T10:05:00Z",
      "deletionGracePeriodSeconds":300,
      "labels":{"sluice.dev/gateway":"edge","sluice.dev/revision":"r1","sluice.dev/state":"draining",
                "sluice.dev/traffic":"off"},
      "annotations":{"sluice.dev/session-cost":"2"},
      "ownerReferences":[{"kind":"RealtimeGateway","name":"edge","uid":"g","controller":true}]},
    "spec":{"nodeName":"n","containers":[{"name":"sidecar"},{"name":"gateway","image":"i","ports":[
      {"name":"ws","containerPort":1},{"name":"wss","containerPort":2},{"name":"metrics","containerPort":3},
      {"name":"admin","containerPort":4}]}]},
    "status":{"phase":"Running","podIP":"10.0.0.7","conditions":[
      {"type":"Ready","status":"True","lastTransitionTime":"2026-11-26T10:01:00Z"}]}})");
  pod["metadata"]["annotations"][kDrainAnnotation] = encode_drain_record({.reason = DrainReason::kRollout});
  pod["metadata"]["annotations"][kRateAnnotation] = encode_drain_rate(7);
  pod["metadata"]["annotations"][kHealthAnnotation] = encode_health_record({.severity = 4});
  const PodFacts facts = facts_of(pod);
  CHECK(facts_of(slimmed(pod, kSlimPod)) == facts);
  CHECK(facts.owner_uid == "g");
  CHECK(facts.address == "10.0.0.7:4");
  CHECK(facts.address_of(facts.metrics_port) == "10.0.0.7:3");
  CHECK(facts.grace == Duration(300'000));
  CHECK(facts.ready);
  CHECK(facts.drain.has_value());
  CHECK(facts.health.has_value());

  for (const char* status :
       {R"({"name":"gateway","state":{"waiting":{"reason":"CrashLoopBackOff"}},"restartCount":2})",
        R"({"name":"gateway","state":{"waiting":{"reason":"ImagePullBackOff"}}})",
        R"({"name":"gateway","state":{"terminated":{"exitCode":1}}})",
        R"({"name":"gateway","state":{"waiting":{"reason":"x"}},"lastState":{"terminated":{}}})"}) {
    CAPTURE(status);
    pod["status"]["containerStatuses"] = kube::Json::array({kube::Json::parse(status)});
    CHECK(facts_of(slimmed(pod, kSlimPod)) == facts_of(pod));
    CHECK(facts_of(pod).container != ContainerState::kRunning);
  }
}

TEST_CASE("a pod says no more than before where only what we do not read has changed") {
  kube::Json pod = kube::Json::parse(R"({"metadata":{"name":"edge-1","namespace":"live","uid":"u","resourceVersion":"1",
      "labels":{"sluice.dev/gateway":"edge"},"annotations":{"sluice.dev/session-cost":"2"}},
      "spec":{"nodeName":"n"},"status":{"phase":"Running","podIP":"10.0.0.7"}})");
  const PodFacts before = facts_of(pod);
  const auto after = [&](const char* pointer, const kube::Json& value) {
    kube::Json changed = pod;
    changed[kube::Json::json_pointer(pointer)] = value;
    return facts_of(changed);
  };
  CHECK(before.says_no_more_than(before));
  CHECK(after("/metadata/resourceVersion", "2").says_no_more_than(before));
  CHECK(after("/metadata/annotations/note", "2").says_no_more_than(before));
  CHECK(after("/metadata/labels/app", "2").says_no_more_than(before));
  CHECK_FALSE(after("/metadata/uid", "v").says_no_more_than(before));
  CHECK_FALSE(after("/metadata/annotations/sluice.dev~1session-cost", "3").says_no_more_than(before));
  CHECK_FALSE(after("/metadata/annotations/sluice.dev~1drain", "{}").says_no_more_than(before));
  CHECK_FALSE(after("/metadata/labels/sluice.dev~1state", "draining").says_no_more_than(before));
  CHECK_FALSE(after("/metadata/deletionTimestamp", "2026-11-26T10:00:00Z").says_no_more_than(before));
  CHECK_FALSE(after("/spec/nodeName", "m").says_no_more_than(before));
  CHECK_FALSE(after("/status/phase", "Failed").says_no_more_than(before));
}

}  // namespace sluice::op
