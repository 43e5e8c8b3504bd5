#include "operator/revisions.h"

#include <doctest/doctest.h>

namespace sluice::op {
namespace {

Revision revision(const char* hash, std::int64_t number) {
  return {.hash = hash,
          .number = number,
          .pod_template = kube::Json::object(),
          .default_image = {},
          .object_name = {},
          .object_uid = {}};
}

std::string hashes(const std::vector<Revision>& revisions) {
  std::string all;
  for (const Revision& one : revisions) all += (all.empty() ? "" : " ") + one.hash;
  return all;
}

}  // namespace

TEST_CASE("plan_revisions writes what is new and keeps what is needed") {
  struct Row {
    const char* name;
    std::vector<Revision> known;
    const char* newest;
    std::set<std::string> in_use;
    int limit;
    std::int64_t written;  ///< Number; 0: nothing is written.
    const char* removed;
  };
  const Row rows[] = {
      {"the first template", {}, "a", {}, 5, 1, ""},
      {"nothing new", {revision("a", 1)}, "a", {"a"}, 5, 0, ""},
      {"a new template is the newest", {revision("a", 1)}, "b", {"a"}, 5, 2, ""},
      {"a template that comes back is the newest again", {revision("a", 1), revision("b", 2)}, "a", {"b"}, 5, 3, ""},
      {"the oldest beyond the limit goes",
       {revision("c", 3), revision("a", 1), revision("b", 2), revision("d", 4)},
       "d",
       {"d"},
       2,
       0,
       "a"},
      {"what a pod is of stays",
       {revision("a", 1), revision("b", 2), revision("c", 3), revision("d", 4)},
       "d",
       {"a"},
       1,
       0,
       "b"},
      {"no history at all", {revision("a", 1), revision("b", 2)}, "b", {}, 0, 0, "a"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const RevisionPlan plan = plan_revisions(row.known, revision(row.newest, 0), row.in_use, row.limit);
    CHECK((plan.write ? plan.write->number : 0) == row.written);
    CHECK(hashes(plan.remove) == row.removed);
  }
}

TEST_CASE("former_revision is what the fleet was on before") {
  const std::vector<Revision> known{revision("a", 1), revision("b", 2), revision("c", 3)};
  CHECK(former_revision(known, "c", "a")->hash == "a");  // As the status says.
  CHECK_FALSE(former_revision(known, "c", "c"));         // The rollout is through.
  CHECK(former_revision(known, "c", "gone")->hash == "b");
  CHECK_FALSE(former_revision({revision("c", 3)}, "c", "c"));
}

TEST_CASE("a revision survives its object") {
  const kube::Json gateway{{"metadata", {{"name", "edge"}, {"namespace", "default"}, {"uid", "u"}}}};
  Revision written = revision("bcd", 4);
  written.pod_template = {{"spec", {{"nodeName", "x"}}}};
  written.default_image = "sluice.dev/sluice-gateway:1";
  const kube::Json object = render_revision(gateway, written);
  CHECK(object["metadata"]["name"] == "edge-bcd");
  const auto read = read_revision(object);
  REQUIRE(read);
  CHECK(read->hash == "bcd");
  CHECK(read->number == 4);
  CHECK(read->pod_template == written.pod_template);
  CHECK(read->default_image == written.default_image);
  CHECK_FALSE(read_revision(kube::Json{{"data", 3}}));
}

}  // namespace sluice::op
