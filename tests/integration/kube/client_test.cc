#include "common/kube/client.h"

#include <dirent.h>
#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "tests/integration/kube/cluster.h"
#include "tests/integration/kube/silent_proxy.h"

namespace sluice::kube {
namespace {

/// Established TCP connections of this process to `port`. Source: proc(5), /proc/net/tcp.
int connections_to(const std::string& port) {
  std::set<std::string> own;
  DIR* folder = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(folder)) {
    std::array<char, 64> target{};
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    if (::readlink(path.c_str(), target.data(), target.size() - 1) > 0) own.insert(target.data());
  }
  ::closedir(folder);
  std::ostringstream hex;
  hex << std::uppercase << std::hex << std::stoi(port);
  std::ifstream table("/proc/net/tcp");
  int count = 0;
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::array<std::string, 10> field;
    for (std::string& f : field) fields >> f;
    const bool established = field[3] == "01";
    const bool to_port = field[2].ends_with(":" + hex.str());
    if (established && to_port && own.contains("socket:[" + field[9] + "]")) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("an object is created, read, replaced and deleted") {
  TestNamespace ns;
  Client& client = ns.client();
  const Result<Json> created = client.create(kConfigMaps, ns.name(), config_map("a", "1"));
  REQUIRE(created.ok());
  CHECK(!uid_of(*created).empty());
  CHECK(client.create(kConfigMaps, ns.name(), config_map("a", "1")).error().code == ErrorCode::kConflict);

  Json wanted = *created;
  wanted["data"]["value"] = "2";
  const Result<Json> replaced = client.replace(kConfigMaps, ns.name(), wanted);
  REQUIRE(replaced.ok());
  CHECK(compare_resource_versions(resource_version_of(*created), resource_version_of(*replaced)) == -1);
  wanted["data"]["value"] = "3";  // still with the version of before
  CHECK(client.replace(kConfigMaps, ns.name(), wanted).error().code == ErrorCode::kConflict);
  CHECK(text_at(*client.get(kConfigMaps, ns.name(), "a"), "/data/value") == "2");

  const std::string uid(uid_of(*created));
  CHECK(client.remove(kConfigMaps, ns.name(), "a", {.uid = "another"}).error().code == ErrorCode::kConflict);
  CHECK(client.remove(kConfigMaps, ns.name(), "a", {.uid = uid, .resource_version = "1"}).error().code ==
        ErrorCode::kConflict);
  CHECK(client.get(kConfigMaps, ns.name(), "a").ok());
  CHECK(client.remove(kConfigMaps, ns.name(), "a", {.uid = uid}).ok());
  CHECK(client.get(kConfigMaps, ns.name(), "a").error().code == ErrorCode::kNotFound);
  CHECK(client.remove(kConfigMaps, ns.name(), "a").error().code == ErrorCode::kNotFound);
}

TEST_CASE("a list comes in pages and is whole, with and without a selector") {
  TestNamespace ns;
  for (int i = 0; i < 7; ++i) {
    Json object = config_map("m" + std::to_string(i), "x");
    object["metadata"]["labels"]["parity"] = i % 2 == 0 ? "even" : "odd";
    REQUIRE(ns.client().create(kConfigMaps, ns.name(), object).ok());
  }
  const Result<Json> all = ns.client().list(kConfigMaps, ns.name(), {.label_selector = "parity", .page_size = 3});
  REQUIRE(all.ok());
  std::vector<std::string> names;
  for (const Json& item : (*all)["items"]) names.emplace_back(name_of(item));
  CHECK(names == std::vector<std::string>{"m0", "m1", "m2", "m3", "m4", "m5", "m6"});
  CHECK(!resource_version_of(*all).empty());
  const auto count = [&](const ListOptions& options) {
    const Result<Json> list = ns.client().list(kConfigMaps, ns.name(), options);
    return list ? (*list)["items"].size() : 0;
  };
  CHECK(count({.label_selector = "parity in (odd)", .page_size = 2}) == 3);
  CHECK(count({.label_selector = "parity", .field_selector = "metadata.name!=m0"}) == 6);
  CHECK(count({.label_selector = "parity", .resource_version = std::string(resource_version_of(*all))}) == 7);
}

TEST_CASE("the three kinds of patch") {
  TestNamespace ns;
  Client& client = ns.client();
  REQUIRE(client.create(kConfigMaps, ns.name(), config_map("a", "1")).ok());

  const Json merge = {{"data", {{"value", nullptr}, {"other", "2"}}}};
  const Result<Json> merged = client.patch(kConfigMaps, ns.name(), "a", PatchType::kMerge, merge);
  REQUIRE(merged.ok());
  CHECK((*merged)["data"] == Json{{"other", "2"}});
  const Json stale = {{"metadata", {{"resourceVersion", "1"}}}, {"data", {{"other", "3"}}}};
  CHECK(client.patch(kConfigMaps, ns.name(), "a", PatchType::kMerge, stale).error().code == ErrorCode::kConflict);

  const Json steps = Json::parse(R"([{"op":"test","path":"/data/other","value":"2"},
                                     {"op":"add","path":"/data/third","value":"3"}])");
  CHECK(client.patch(kConfigMaps, ns.name(), "a", PatchType::kJson, steps).ok());

  Json applied = config_map("b", "first");
  CHECK(client.patch(kConfigMaps, ns.name(), "b", PatchType::kApply, applied, {.field_manager = "one"}).ok());
  applied["data"]["value"] = "second";
  CHECK(client.patch(kConfigMaps, ns.name(), "b", PatchType::kApply, applied, {.field_manager = "two"}).error().code ==
        ErrorCode::kConflict);
  const Result<Json> forced =
      client.patch(kConfigMaps, ns.name(), "b", PatchType::kApply, applied, {.field_manager = "two", .force = true});
  REQUIRE(forced.ok());
  CHECK(text_at(*forced, "/data/value") == "second");
}

TEST_CASE("the status subresource changes the status and nothing else") {
  TestNamespace ns;
  Client& client = ns.client();
  const Json service = Json::parse(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"s"},
                                       "spec":{"type":"ExternalName","externalName":"before.test"}})");
  REQUIRE(client.create(kServices, ns.name(), service).ok());
  const Json change = Json::parse(R"({"spec":{"externalName":"after.test"},"status":{"conditions":[
      {"type":"Ready","status":"True","reason":"Test","message":"","lastTransitionTime":"2026-11-23T09:30:00Z"}]}})");
  REQUIRE(client.patch(kServices, ns.name(), "s", PatchType::kMerge, change, {.subresource = "status"}).ok());
  Result<Json> seen = client.get(kServices, ns.name(), "s");
  REQUIRE(seen.ok());
  CHECK(text_at(*seen, "/status/conditions/0/type") == "Ready");
  CHECK(text_at(*seen, "/spec/externalName") == "before.test");
  (*seen)["status"]["conditions"] = Json::array();
  CHECK(client.replace(kServices, ns.name(), *seen, "status").ok());
  CHECK(text_at(*client.get(kServices, ns.name(), "s", "status"), "/status/conditions/0/type").empty());
}

TEST_CASE("the API server's sentences reach the error") {
  TestNamespace ns;
  Client& client = ns.client();
  const Result<Json> invalid = client.create(kConfigMaps, ns.name(), config_map("Not A Name", "x"));
  REQUIRE(!invalid.ok());
  CHECK(invalid.error().code == ErrorCode::kInvalid);
  CHECK(invalid.error().message.find("metadata.name: Invalid value") != std::string::npos);

  Config config = cluster_config();
  config.tls.cert_pem.clear();
  config.tls.key_pem.clear();
  config.cert_file.clear();
  config.key_file.clear();
  Client anonymous(config, "test", nullptr);
  const Result<Json> forbidden = anonymous.get(kConfigMaps, ns.name(), "a");
  REQUIRE(!forbidden.ok());
  CHECK(forbidden.error().code == ErrorCode::kDenied);
  CHECK(forbidden.error().message.find("system:anonymous") != std::string::npos);
  config.token = "s3cret-and-wrong";
  Client stranger(config, "test", nullptr);
  const Result<Json> refused = stranger.get(kConfigMaps, ns.name(), "a");
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::kDenied);
  CHECK(refused.error().message.find("s3cret") == std::string::npos);
}

TEST_CASE("raw reads answer what is there") {
  TestNamespace ns;
  const Result<http::Response> version = ns.client().raw("GET", "/version");
  REQUIRE(version.ok());
  CHECK(version->status == 200);
  CHECK(version->body.find("gitVersion") != std::string::npos);
  CHECK(ns.client().raw("GET", "/nowhere")->status == 404);
}

TEST_CASE("calls and watches share one HTTP/2 connection") {
  TestNamespace ns;
  Client client(cluster_config(), "test", nullptr);
  std::vector<std::unique_ptr<http::Stream>> watches;
  Awaited<int> events;
  for (int i = 0; i < 3; ++i) {
    Client::WatchCallbacks callbacks;
    callbacks.on_event = [&](const WatchEvent&) { events.change([](int& n) { ++n; }); };
    watches.push_back(client.watch(kConfigMaps, ns.name(), {.send_initial_events = true}, std::move(callbacks)));
  }
  std::vector<std::thread> threads;
  threads.reserve(20);
  std::atomic<int> good{0};
  for (int t = 0; t < 20; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string name = "m" + std::to_string(t) + "-" + std::to_string(i);
        if (client.create(kConfigMaps, ns.name(), config_map(name, "x")).ok()) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 200);
  CHECK(events.wait([](int n) { return n >= 3 * 200; }));
  const std::string server = cluster_config().server;
  // The namespace's own client has a connection of its own.
  CHECK(connections_to(server.substr(server.rfind(':') + 1)) == 2);
}

TEST_CASE("a connection that has gone silent is left after one call, also where a watch lives on it") {
  TestNamespace ns;
  SilentProxy proxy(cluster_config());
  Client client(proxy.config(), "test", nullptr);
  Awaited<int> events;
  Client::WatchCallbacks callbacks;
  callbacks.on_event = [&](const WatchEvent&) { events.change([](int& n) { ++n; }); };
  // On nothing, so that nothing is on its way any more once the bookmark is here that ends the state.
  const auto watch =
      client.watch(kConfigMaps, ns.name(), {.field_selector = "metadata.name=none", .send_initial_events = true},
                   std::move(callbacks));
  REQUIRE(events.wait([](int n) { return n == 1; }));
  REQUIRE(client.get(kNamespaces, "", ns.name()).ok());
  REQUIRE(proxy.accepted() == 1);
  proxy.go_silent();
  const Result<Json> swallowed = client.get(kNamespaces, "", ns.name(), {}, 500ms);
  REQUIRE(!swallowed.ok());
  CHECK(swallowed.error().code == ErrorCode::kUnavailable);
  for (int i = 0; i < 3; ++i) CHECK(client.get(kNamespaces, "", ns.name()).ok());
  CHECK(proxy.accepted() == 2);
}

TEST_CASE("a large object and a long list come through whole") {
  TestNamespace ns;
  const std::string big(900'000, 'x');
  for (int i = 0; i < 4; ++i) {
    REQUIRE(ns.client().create(kConfigMaps, ns.name(), config_map("big" + std::to_string(i), big)).ok());
  }
  const Result<Json> list =
      ns.client().list(kConfigMaps, ns.name(), {.field_selector = "metadata.name!=kube-root-ca.crt"});
  REQUIRE(list.ok());
  REQUIRE((*list)["items"].size() == 4);
  for (const Json& item : (*list)["items"]) CHECK(text_at(item, "/data/value").size() == big.size());
}

}  // namespace sluice::kube
