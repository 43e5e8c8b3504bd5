#include "adapter/auth/auth_settings.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

TEST_CASE("the API server's settings are read") {
  const auto settings = read_auth_settings(Json::parse(R"({"data":{
    "client-ca-file":"CLIENTS","requestheader-client-ca-file":"PROXY",
    "requestheader-allowed-names":"[\"front-proxy\"]","requestheader-username-headers":"[\"X-Remote-User\"]",
    "requestheader-uid-headers":"[\"X-Remote-Uid\"]","requestheader-group-headers":"[\"X-Remote-Group\"]",
    "requestheader-extra-headers-prefix":"[\"X-Remote-Extra-\"]"}})"));
  REQUIRE(settings.ok());
  CHECK(settings->client_ca_pem == "CLIENTS");
  CHECK(settings->request_header_ca_pem == "PROXY");
  CHECK(settings->allowed_names == std::vector<std::string>{"front-proxy"});
  CHECK(settings->username_headers == std::vector<std::string>{"x-remote-user"});
  CHECK(settings->uid_headers == std::vector<std::string>{"x-remote-uid"});
  CHECK(settings->group_headers == std::vector<std::string>{"x-remote-group"});
  CHECK(settings->extra_prefixes == std::vector<std::string>{"x-remote-extra-"});
}

TEST_CASE("an API server without aggregation has no front proxy") {
  for (const char* text : {"{}", R"({"data":{}})", R"({"data":{"requestheader-allowed-names":"null"}})"}) {
    CAPTURE(std::string(text));
    const auto settings = read_auth_settings(Json::parse(text));
    REQUIRE(settings.ok());
    CHECK(settings->request_header_ca_pem.empty());
    CHECK(settings->username_headers.empty());
  }
}

TEST_CASE("settings that cannot be meant are refused") {
  for (const char* text :
       {R"({"data":{"requestheader-allowed-names":"x"}})", R"({"data":{"requestheader-allowed-names":"{}"}})",
        R"({"data":{"requestheader-group-headers":"[1]"}})", R"({"data":{"requestheader-client-ca-file":"PROXY"}})"}) {
    CAPTURE(std::string(text));
    const auto settings = read_auth_settings(Json::parse(text));
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.error().code == ErrorCode::kInvalid);
  }
}

}  // namespace
}  // namespace sluice::adapter
