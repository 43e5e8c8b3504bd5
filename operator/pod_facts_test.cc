#include "operator/pod_facts.h"

#include <doctest/doctest.h>

namespace sluice::op {

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
