#include "operator/template_check.h"

#include <doctest/doctest.h>

#include "common/kube/fake_api.h"
#include "operator/limits.h"

namespace sluice::op {
namespace {

using kube::answer;

const kube::Json kPod{{"metadata", {{"name", "edge-check"}, {"namespace", "live"}}}};
const std::string kRefused = answer(422, R"({"message":"spec.containers[0].image: Required value"})");

}  // namespace

TEST_CASE("what the API server said of a template is remembered for as long as it may hold") {
  struct Row {
    const char* name;
    std::string answer;
    const char* refusal;
    std::optional<Duration> asked_again_after;
  };
  const Row rows[] = {
      {"taken: for good", answer(201, "{}"), "", std::nullopt},
      {"refused", kRefused, "spec.template: spec.containers[0].image: Required value", kTemplateRecheck},
      {"a quota says nothing about it", answer(403, R"({"message":"exceeded quota"})"), "", kTemplateRetry},
      {"an admission webhook is down", answer(500, R"({"message":"failed calling webhook"})"), "", kTemplateRetry},
      {"a pod of that name is there", answer(409, R"({"message":"exists"})"), "", kTemplateRetry},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    kube::FakeApi api({row.answer, row.answer, row.answer});
    kube::Client client(api.config(), "test", nullptr);
    ManualClock clock;
    TemplateCheck check(client, clock);
    int rendered = 0;
    const auto render = [&] {
      ++rendered;
      return kPod;
    };
    for (int event = 0; event < 5; ++event) CHECK(check.refusal("u/r1", render) == row.refusal);
    CHECK(rendered == 1);
    CHECK(api.requests().size() == 1);
    CHECK(api.asked(0) == "POST /api/v1/namespaces/live/pods?dryRun=All");
    clock.advance(row.asked_again_after.value_or(24h) - 1ms);
    (void)check.refusal("u/r1", render);
    CHECK(api.requests().size() == 1);
    clock.advance(1ms);
    (void)check.refusal("u/r1", render);
    CHECK(api.requests().size() == (row.asked_again_after ? 2 : 1));
    (void)check.refusal("u/r2", render);  // Another revision is another question.
    CHECK(api.requests().size() == (row.asked_again_after ? 3 : 2));
  }
}

TEST_CASE("an API server that cannot be asked is not asked with every event") {
  kube::Config nobody;
  nobody.server = "http://127.0.0.1:1";
  MetricsRegistry metrics;
  kube::Client client(nobody, "test", &metrics);
  ManualClock clock;
  TemplateCheck check(client, clock);
  for (int event = 0; event < 5; ++event) CHECK(check.refusal("u/r1", [] { return kPod; }).empty());
  const MetricLabels refused{{"code", "<error>"}, {"method", "POST"}, {"host", "127.0.0.1:1"}};
  CHECK(metrics.counter("rest_client_requests_total", "", refused).value() == 1);
}

}  // namespace sluice::op
