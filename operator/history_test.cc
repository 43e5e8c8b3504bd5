#include "operator/history.h"

#include <doctest/doctest.h>

#include "common/kube/fake_api.h"

namespace sluice::op {
namespace {

using kube::answer;
using kube::Json;

const Json kGateway = Json::parse(
    R"({"apiVersion":"sluice.dev/v1alpha1","kind":"RealtimeGateway",
        "metadata":{"name":"edge","namespace":"live","uid":"owner","resourceVersion":"3"}})");

/// A ControllerRevision "edge-abc" as the API server has it, with number 1.
Json stored(const char* owner, const char* text, const char* image) {
  Json object{{"metadata",
               {{"name", "edge-abc"},
                {"namespace", "live"},
                {"uid", "u-1"},
                {"resourceVersion", "7"},
                {"labels", {{"sluice.dev/gateway", "edge"}, {"sluice.dev/revision", "abc"}}}}},
              {"data", {{"template", Json::parse(text)}, {"image", image}}},
              {"revision", 1}};
  if (*owner != '\0') {
    object["metadata"]["ownerReferences"] = Json::array({{{"uid", owner}, {"controller", true}}});
  }
  return object;
}

constexpr const char* kOwnImage = R"({"spec":{"containers":[{"name":"gateway","image":"x:1"}]}})";
constexpr const char* kNoImage = R"({"spec":{"nodeSelector":{"a":"b"}}})";

}  // namespace

TEST_CASE("a revision whose name is there already is taken up, or counted as a collision") {
  struct Row {
    const char* name;
    Json there;  ///< Null: the name is free.
    const char* wanted;
    std::int64_t number;
    bool collision;
    const char* patched;  ///< Part of the PATCH; empty: there is none.
  };
  const Row rows[] = {
      {"the name is free", Json(), kNoImage, 1, false, ""},
      {"ours: it becomes the newest", stored("owner", kNoImage, "gw:2"), kNoImage, 4, false, R"("revision":4)"},
      {"ours, as it should be", stored("owner", kNoImage, "gw:2"), kNoImage, 1, false, ""},
      {"ours, of another operator's image, which the template does not use", stored("owner", kOwnImage, "gw:1"),
       kOwnImage, 4, false, R"("revision":4)"},
      {"ours, but of another template", stored("owner", kOwnImage, "gw:2"), kNoImage, 4, true, ""},
      {"nobody's, of the same template: it is taken in", stored("", kNoImage, "gw:2"), kNoImage, 1, false,
       R"("uid":"owner")"},
      {"somebody else's", stored("other", kNoImage, "gw:2"), kNoImage, 1, true, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    kube::FakeApi api([&](const std::string& request) {
      if (request.starts_with("POST ") && row.there.is_null()) return answer(201, stored("owner", "{}", "").dump());
      if (request.starts_with("POST ")) return answer(409, R"({"message":"exists","reason":"AlreadyExists"})");
      return answer(200, row.there.dump());
    });
    kube::Client client(api.config(), "test", nullptr);
    SystemClock clock;
    Random random{1};
    MetricsRegistry metrics;
    const Caches caches(client, clock, random, metrics, "");
    History history(client, caches, clock);
    RevisionPlan plan;
    plan.write =
        Revision{.hash = "abc", .number = row.number, .pod_template = Json::parse(row.wanted), .default_image = "gw:2"};
    const History::Kept kept = history.keep("live/edge", kGateway, plan);
    CHECK(kept.status.ok());
    CHECK(kept.collision == row.collision);
    std::string patch;
    for (const std::string& request : api.requests()) {
      if (request.starts_with("PATCH ")) patch = request;
    }
    CHECK(patch.empty() == (*row.patched == '\0'));
    CHECK(patch.find(row.patched) != std::string::npos);
    if (!patch.empty()) CHECK(patch.find(R"("resourceVersion":"7")") != std::string::npos);
  }
}

TEST_CASE("a revision that the API server refuses to patch is made anew") {
  for (const char* owner : {"owner", ""}) {
    CAPTURE(owner);
    bool gone = false;
    kube::FakeApi api([&](const std::string& request) {
      if (request.starts_with("POST ") && gone) return answer(201, stored("owner", kNoImage, "gw:2").dump());
      if (request.starts_with("POST ")) return answer(409, R"({"message":"exists","reason":"AlreadyExists"})");
      if (request.starts_with("PATCH ")) {
        return answer(422, R"({"message":"data: field is immutable","reason":"Invalid"})");
      }
      if (request.starts_with("DELETE ")) gone = true;
      return answer(200, stored(owner, kNoImage, "gw:2").dump());
    });
    kube::Client client(api.config(), "test", nullptr);
    SystemClock clock;
    Random random{1};
    MetricsRegistry metrics;
    const Caches caches(client, clock, random, metrics, "");
    History history(client, caches, clock);
    RevisionPlan plan;
    plan.write = Revision{.hash = "abc", .number = 4, .pod_template = Json::parse(kNoImage), .default_image = "gw:2"};
    const History::Kept kept = history.keep("live/edge", kGateway, plan);
    CHECK(kept.status.ok());
    CHECK_FALSE(kept.collision);
    const std::vector<std::string> requests = api.requests();
    REQUIRE(requests.size() == 5);
    CHECK(requests[3].starts_with("DELETE /apis/apps/v1/namespaces/live/controllerrevisions/edge-abc"));
    // Nobody else's that has the name by now.
    CHECK(requests[3].find(R"("uid":"u-1")") != std::string::npos);
    CHECK(requests[3].find(R"("resourceVersion":"7")") != std::string::npos);
    CHECK(requests[4].starts_with("POST "));
    CHECK(requests[4].find(R"("revision":4)") != std::string::npos);
    CHECK(requests[4].find(R"("uid":"owner")") != std::string::npos);
  }
}

}  // namespace sluice::op
