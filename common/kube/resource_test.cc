#include "common/kube/resource.h"

#include <doctest/doctest.h>

namespace sluice::kube {

TEST_CASE("a resource's paths") {
  CHECK(kPods.path("") == "/api/v1/pods");
  CHECK(kPods.path("ns") == "/api/v1/namespaces/ns/pods");
  CHECK(kPods.path("ns", "p", "status") == "/api/v1/namespaces/ns/pods/p/status");
  CHECK(kNodes.path("ignored", "n") == "/api/v1/nodes/n");
  CHECK(kNamespaces.path("", "a") == "/api/v1/namespaces/a");
  CHECK(kRealtimeGateways.path("ns", "edge", "scale") ==
        "/apis/sluice.dev/v1alpha1/namespaces/ns/realtimegateways/edge/scale");
  CHECK(kPods.path("ns", "../../secrets") == "/api/v1/namespaces/ns/pods/..%2F..%2Fsecrets");
  CHECK(kPods.api_version() == "v1");
  CHECK(kLeases.api_version() == "coordination.k8s.io/v1");
}

TEST_CASE("keys are made and split") {
  CHECK(make_key("ns", "name") == "ns/name");
  CHECK(make_key("", "name") == "name");
  CHECK(split_key("ns/name").ns == "ns");
  CHECK(split_key("ns/name").name == "name");
  CHECK(split_key("name").ns.empty());
  CHECK(split_key("name").name == "name");
  CHECK(key_of(Json::parse(R"({"metadata":{"namespace":"a","name":"b"}})")) == "a/b");
  CHECK(key_of(Json::parse(R"({"metadata":{"name":"b"}})")) == "b");
}

TEST_CASE("readers answer nothing where a field is absent or of another type") {
  struct Row {
    std::string name;
    const char* object;
  };
  const Row rows[] = {{"null", "null"},
                      {"no object", "[1]"},
                      {"no metadata", "{}"},
                      {"metadata is a text", R"({"metadata":"x"})"},
                      {"fields are numbers", R"({"metadata":{"name":1,"labels":2,"annotations":[]}})"},
                      {"a label is a number", R"({"metadata":{"labels":{"a":1},"annotations":{"a":{}}}})"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const Json object = Json::parse(row.object);
    CHECK(name_of(object).empty());
    CHECK(label_of(object, "a").empty());
    CHECK(annotation_of(object, "a").empty());
    CHECK(!is_deleting(object));
    CHECK(key_of(object).empty());
  }
}

TEST_CASE("readers find what is there") {
  const Json object = Json::parse(R"({"metadata":{"name":"n","namespace":"s","uid":"u","resourceVersion":"7",
    "deletionTimestamp":"2026-11-23T09:30:00Z","labels":{"sluice.dev/state":"active"},"annotations":{"a/b":"c"}},
    "spec":{"replicas":3,"big":1e3,"paused":true,"list":[{"x":"y"}],"a/b":{"c~d":"e"}}})");
  CHECK(name_of(object) == "n");
  CHECK(uid_of(object) == "u");
  CHECK(resource_version_of(object) == "7");
  CHECK(is_deleting(object));
  CHECK(label_of(object, "sluice.dev/state") == "active");
  CHECK(annotation_of(object, "a/b") == "c");
  CHECK(integer_at(object, "/spec/replicas", 1) == 3);
  CHECK(integer_at(object, "/spec/big", 1) == 1);
  CHECK(integer_at(object, "/spec/absent", 1) == 1);
  CHECK(bool_at(object, "/spec/paused", false));
  CHECK(!bool_at(object, "/spec/replicas", false));
  CHECK(text_at(object, "/spec/list/0/x") == "y");
  CHECK(text_at(object, "/spec/list/1/x", "none") == "none");
  CHECK(text_at(object, "/spec/list/x/x", "none") == "none");
  CHECK(text_at(object, "/spec/replicas/deeper", "none") == "none");
  CHECK(text_at(object, "/spec/a~1b/c~0d") == "e");
  CHECK(at_pointer(object, "") == object);
  CHECK(at_pointer(object, "/nowhere").is_null());
}

TEST_CASE("resource versions are compared as numbers of any length") {
  struct Row {
    std::string a;
    std::string b;
    std::optional<int> order;
  };
  const Row rows[] = {{"7", "7", 0},
                      {"9", "10", -1},
                      {"123", "122", 1},
                      {"99999999999999999999999", "100000000000000000000000", -1},
                      {"", "1", std::nullopt},
                      {"0", "1", std::nullopt},
                      {"12a", "1", std::nullopt}};
  for (const Row& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK(compare_resource_versions(row.a, row.b) == row.order);
  }
}

}  // namespace sluice::kube
