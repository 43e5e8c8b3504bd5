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
  const std::vector<Revision> known{revision("a", 1), revision("b", 2), revision("c", 3), revision("d", 4)};
  CHECK(former_revision(known, "d", "a", {{"b", 9}})->hash == "a");           // As the status says.
  CHECK_FALSE(former_revision(known, "d", "d", {{"b", 9}}));                  // The rollout is through, or goes back.
  CHECK(former_revision(known, "d", "", {{"a", 2}, {"b", 9}})->hash == "b");  // The status is lost.
  // The one that it was is gone: what most pods are of is known to work; what no pod is of is not.
  CHECK(former_revision(known, "d", "gone", {{"gone", 5}, {"c", 1}})->hash == "c");
  CHECK_FALSE(former_revision(known, "d", "gone", {{"gone", 5}}));
}

TEST_CASE("a template that comes back is the revision that it was") {
  const auto with = [](Revision made, const char* text, const char* image) {
    made.pod_template = kube::Json::parse(text);
    made.default_image = image;
    return made;
  };
  constexpr const char* kOwnImage = R"({"spec":{"containers":[{"name":"gateway","image":"x:1"}]}})";
  constexpr const char* kNoImage = R"({"spec":{"nodeSelector":{"a":"b"}}})";
  // Hashes made with collisions that are no more, or not yet.
  const std::vector<Revision> known{with(revision("a", 1), kOwnImage, "gw:1"), with(revision("b", 2), kNoImage, "gw:1"),
                                    with(revision("c", 3), kNoImage, "gw:2")};
  CHECK(find_revision(known, with({}, kNoImage, "gw:1"))->hash == "b");
  CHECK(find_revision(known, with({}, kNoImage, "gw:2"))->hash == "c");
  CHECK_FALSE(find_revision(known, with({}, kNoImage, "gw:3")));
  // The operator's default image matters only to templates that name none.
  CHECK(find_revision(known, with({}, kOwnImage, "gw:9"))->hash == "a");
  CHECK_FALSE(find_revision(known, with({}, "{}", "gw:1")));
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
