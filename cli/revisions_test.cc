#include "cli/revisions.h"

#include <doctest/doctest.h>

#include "cli/test_objects.h"

namespace sluice::cli {
namespace {

using kube::Json;
using testing::gateway;

Json revision(const char* hash, int number, Json pod_template) {
  return {{"metadata",
           {{"name", std::string("edge-") + hash},
            {"creationTimestamp", "2026-11-23T11:00:00Z"},
            {"ownerReferences", {{{"uid", "g"}, {"controller", true}}}}}},
          {"revision", number},
          {"data", {{"template", std::move(pod_template)}, {"image", "default:1"}}}};
}

Json with_image(const char* image) {
  return {{"spec", {{"containers", {{{"name", "gateway"}, {"image", image}}}}}}};
}

std::vector<RevisionView> three() {
  Json strange = revision("odd", 9, with_image("x"));
  strange["metadata"]["ownerReferences"][0]["uid"] = "another";
  return revisions_of(gateway(), {revision("new", 3, with_image("c")), revision("old", 1, with_image("a")), strange,
                                  revision("mid", 2, Json::object())});
}

TEST_CASE("revisions are the gateway's own, oldest first") {
  const auto revisions = three();
  REQUIRE(revisions.size() == 3);
  CHECK(revisions[0].hash == "old");
  CHECK(revisions[0].image == "a");
  CHECK(revisions[1].image == "default:1");
  CHECK(revisions[2].number == 3);
}

TEST_CASE("which revision is gone back to") {
  const auto chosen = [](std::int64_t number, const std::vector<RevisionView>& revisions) {
    const auto revision = choose_revision(gateway(), revisions, number);
    return revision ? revision->hash : revision.error().message;
  };
  CHECK(chosen(0, three()) == "mid");
  CHECK(chosen(1, three()) == "old");
  CHECK(chosen(3, three()) == "new");
  CHECK(chosen(7, three()) == "unable to find specified revision 7 in history");
  CHECK(chosen(0, {three().back()}) ==
        "no rollout history found for realtimegateway \"edge\": there is no former revision");
}

TEST_CASE("going back replaces the template as a whole, of the object as it was read, and nothing else") {
  const Json patch = rollback_patch(gateway(), three()[0]);
  CHECK(patch == Json::array({{{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", "7"}},
                              {{"op", "add"}, {"path", "/spec/template"}, {"value", with_image("a")}}}));
}

TEST_CASE("a history") {
  const auto lines = render(history_table(gateway(), three(), testing::kNoon), {});
  CHECK(lines[0] == "REVISION   HASH   STATE     IMAGE       AGE");
  CHECK(lines[1] == "1          old    current   a           60m");
  CHECK(lines[2] == "2          mid    -         default:1   60m");
  CHECK(lines[3] == "3          new    newest    c           60m");
}

}  // namespace
}  // namespace sluice::cli
