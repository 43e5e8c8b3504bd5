#include "operator/pod_state.h"

#include <doctest/doctest.h>

#include "common/base/contract.h"

namespace sluice::op {

using kube::Json;

TEST_CASE("a state is written with both labels, and takes the records of other states away") {
  struct Row {
    const char* name;
    const char* state;
    bool traffic;
    const char* patch;
  };
  const Row rows[] = {
      {"serving", kStateActive, true,
       R"({"labels":{"sluice.dev/state":"active","sluice.dev/traffic":"on"},
           "annotations":{"sluice.dev/drain":null,"sluice.dev/health":null}})"},
      {"serving, and out of the endpoints", kStateActive, false,
       R"({"labels":{"sluice.dev/state":"active","sluice.dev/traffic":"off"},
           "annotations":{"sluice.dev/drain":null,"sluice.dev/health":null}})"},
      {"gray, by its health record", kStateGray, true,
       R"({"labels":{"sluice.dev/state":"gray","sluice.dev/traffic":"on"},"annotations":{"sluice.dev/drain":null}})"},
      {"offline, by its health record", kStateOffline, false,
       R"({"labels":{"sluice.dev/state":"offline","sluice.dev/traffic":"off"},"annotations":{"sluice.dev/drain":null}})"},
      {"draining, by its decision", kStateDraining, false,
       R"({"labels":{"sluice.dev/state":"draining","sluice.dev/traffic":"off"},
           "annotations":{"sluice.dev/health":null}})"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Json patch = state_patch(row.state, row.traffic);
    CHECK(patch == Json::parse(row.patch));
    CHECK(patch["labels"] == state_labels(row.state, row.traffic));
  }
}

TEST_CASE("what is labelled so is seen to be so") {
  for (const char* state : kPodStates) {
    for (const bool traffic : {true, false}) {
      PodView pod;
      label(pod, state, traffic);
      const Json labels = state_labels(state, traffic);
      CHECK(labels[kStateLabel] == pod.state_label);
      CHECK(labels[kTrafficLabel] == pod.traffic_label);
      CHECK(is_labelled(pod, state, traffic));
      CHECK_FALSE(is_labelled(pod, state, !traffic));
    }
  }
  CHECK(is_labelled(PodView{}, kStateActive, true));
  CHECK_FALSE(is_labelled(PodView{}, kStateGray, true));
}

}  // namespace sluice::op
