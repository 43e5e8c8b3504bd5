#include "adapter/object_names.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

TEST_CASE("of a pod only what selecting needs is kept") {
  Json pod = Json::parse(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"shop","uid":"u",
    "resourceVersion":"7","labels":{"app":"edge"},"annotations":{"x":"y"},"ownerReferences":[]},
    "spec":{"containers":[]},"status":{"phase":"Running","podIP":"10.0.0.1"}})");
  shrink_pod(pod);
  CHECK(pod == Json::parse(R"({"metadata":{"name":"a","namespace":"shop","uid":"u","resourceVersion":"7",
    "labels":{"app":"edge"}},"status":{"phase":"Running"}})"));
  Json odd = Json::parse(R"({"metadata":3})");
  shrink_pod(odd);
  CHECK(odd == Json::parse(R"({"metadata":{}})"));
}

TEST_CASE("pods that end do not count") {
  struct Row {
    const char* name;
    const char* pod;
    bool counts;
  };
  const Row rows[] = {
      {"running", R"({"status":{"phase":"Running"}})", true},
      {"pending", R"({"status":{"phase":"Pending"}})", true},
      {"no status yet", "{}", true},
      {"failed", R"({"status":{"phase":"Failed"}})", false},
      {"succeeded", R"({"status":{"phase":"Succeeded"}})", false},
      {"terminating", R"({"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Running"}})",
       false}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    CHECK(pod_counts(Json::parse(row.pod)) == row.counts);
  }
}

}  // namespace
}  // namespace sluice::adapter
