#include "adapter/api_documents.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "adapter/api_error.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

TEST_CASE("groups name both versions and prefer the newer") {
  CHECK(Json::parse(render_group()) ==
        Json::parse(R"({"kind":"APIGroup","apiVersion":"v1","name":"custom.metrics.k8s.io",
    "versions":[{"groupVersion":"custom.metrics.k8s.io/v1beta2","version":"v1beta2"},
                {"groupVersion":"custom.metrics.k8s.io/v1beta1","version":"v1beta1"}],
    "preferredVersion":{"groupVersion":"custom.metrics.k8s.io/v1beta2","version":"v1beta2"}})"));
  const Json list = Json::parse(render_group_list());
  CHECK(list["kind"] == "APIGroupList");
  CHECK(list["groups"][0]["name"] == "custom.metrics.k8s.io");
}

TEST_CASE("metrics are listed as resources") {
  const MetricIndex index = {{{{"", "namespaces"}, "m"}, {0, "m", false}},
                             {{{"sluice.dev", "realtimegateways"}, "rtgw_connections"}, {0, "rtgw_connections", true}}};
  CHECK(Json::parse(render_resources("v1beta1", index)) ==
        Json::parse(
            R"({"kind":"APIResourceList","apiVersion":"v1","groupVersion":"custom.metrics.k8s.io/v1beta1","resources":[
    {"name":"namespaces/m","singularName":"","namespaced":false,"kind":"MetricValueList","verbs":["get"]},
    {"name":"realtimegateways.sluice.dev/rtgw_connections","singularName":"","namespaced":true,"kind":"MetricValueList",
     "verbs":["get"]}]})"));
}

TEST_CASE("the list of resources is never empty") {
  const Json list = Json::parse(render_resources("v1beta2", {}));
  REQUIRE(list["resources"].size() == 1);
  CHECK(list["resources"][0]["name"] == "namespaces/no_series_found_in_prometheus");
}

TEST_CASE("a failure is a Status object") {
  CHECK(Json::parse(render_status(not_found("the server could not find the metric m for pods"))) ==
        Json::parse(R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
    "message":"the server could not find the metric m for pods","reason":"NotFound","code":404})"));
  CHECK(Json::parse(render_status(too_many_requests("wait")))["details"]["retryAfterSeconds"] == 1);
  CHECK(Json::parse(render_status(bad_request("\xff")))["code"] == 400);
}

TEST_CASE("the version is the program's") {
  const Json version = Json::parse(render_server_version());
  CHECK(version["gitVersion"] == std::string("v") + SLUICE_VERSION);
}

}  // namespace
}  // namespace sluice::adapter
