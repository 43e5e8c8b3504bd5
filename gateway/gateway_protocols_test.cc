// Topics and tasks through a whole gateway.
#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "gateway/testing/gate.h"
#include "gateway/testing/test_gateway.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;
using testing::client_close;
using testing::eventually;
using testing::TestGateway;
using testing::WebSocketClient;

TEST_CASE("a topic reaches its subscribers on every shard, and nobody else") {
  TestGateway gateway([](Config& config) { config.shards = 3; });
  std::vector<std::unique_ptr<WebSocketClient>> subscribers;
  for (int i = 0; i < 24; ++i) {
    subscribers.push_back(std::make_unique<WebSocketClient>(gateway.ports().listen, "/topics"));
    CHECK(subscribers.back()->text(R"({"op":"subscribe","topic":"news"})"));
    CHECK(subscribers.back()->next_text() == R"({"ok":"subscribe","topic":"news"})");
  }
  WebSocketClient publisher = gateway.connect("/topics");
  CHECK(publisher.text(R"({"op":"publish","topic":"other","data":0})"));
  CHECK(publisher.text(R"({"op":"publish","topic":"news","data":{"n":[1,null,"x"]}})"));
  CHECK(publisher.next_text() == R"({"ok":"publish","topic":"other"})");
  CHECK(publisher.next_text() == R"({"ok":"publish","topic":"news"})");
  for (const auto& subscriber : subscribers) {
    CHECK(json::parse(subscriber->next_text()) == json::parse(R"({"topic":"news","data":{"n":[1,null,"x"]}})"));
  }
  CHECK(subscribers[0]->text(R"({"op":"unsubscribe","topic":"news"})"));
  CHECK(subscribers[0]->next_text() == R"({"ok":"unsubscribe","topic":"news"})");
  CHECK(publisher.text(R"({"op":"publish","topic":"news","data":2})"));
  CHECK(subscribers[1]->next_text() == R"({"data":2,"topic":"news"})");
  CHECK(subscribers[0]->text(R"({"op":"nonsense","topic":"news"})"));
  CHECK(subscribers[0]->next_text() == R"({"error":"op must be subscribe, unsubscribe or publish"})");
}

TEST_CASE("a topic request that is wrong is answered with a sentence, and the connection goes on") {
  TestGateway gateway;
  WebSocketClient client = gateway.connect("/topics");
  struct Row {
    const char* name;
    std::string request;
    const char* mentions;
  };
  const Row rows[] = {
      {"no JSON", "hello", "JSON"},
      {"a list", "[]", "object"},
      {"no op", R"({"topic":"t"})", "op"},
      {"no topic", R"({"op":"subscribe"})", "topic"},
      {"an empty topic", R"({"op":"subscribe","topic":""})", "topic"},
      {"a long topic", R"({"op":"subscribe","topic":")" + std::string(257, 't') + "\"}", "topic"},
      {"no data", R"({"op":"publish","topic":"t"})", "data"},
      {"nested too deeply", R"({"op":"publish","topic":"t","data":)" + std::string(500'000, '['), "deep"}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(client.text(row.request));
    const std::string error = json::parse(client.next_text()).at("error");
    CHECK(error.find(row.mentions) != std::string::npos);
  }
  CHECK(client.binary("x"));
  CHECK(json::parse(client.next_text()).contains("error"));
  for (int i = 0; i < 256; ++i) {
    CHECK(client.text(R"({"op":"subscribe","topic":")" + std::to_string(i) + "\"}"));
    CHECK(json::parse(client.next_text()).contains("ok"));
  }
  CHECK(client.text(R"({"op":"subscribe","topic":"one more"})"));
  CHECK(json::parse(client.next_text()).contains("error"));
}

json digest_request(int id, int megabytes) {
  return {{"id", id}, {"digest", {{"megabytes", megabytes}}}};
}

TEST_CASE("tasks are answered with the digest that anyone can check") {
  TestGateway gateway([](Config& config) {
    config.shards = 2;
    config.tasks.workers = 2;
  });
  WebSocketClient client = gateway.connect("/tasks");
  for (int id = 1; id <= 5; ++id) CHECK(client.text(digest_request(id, 2).dump()));
  std::set<int> answered;
  for (int i = 0; i < 5; ++i) {
    const json answer = json::parse(client.next_text());
    answered.insert(answer.at("id").get<int>());
    CHECK(answer.at("sha256") == "13be75161a6f158aa8708117a980d7b34489b8c855384bc7689905b58d9a3202");
    CHECK(answer.at("megabytes") == 2);
    CHECK(answer.at("queuedMs").is_number_integer());
    CHECK(answer.at("ranMs").is_number_integer());
  }
  CHECK(answered == std::set<int>{1, 2, 3, 4, 5});
  CHECK(
      eventually([&] { return gateway.metric("rtgw_tasks_completed_total{tenant=\"default\",result=\"ok\"}") == 5; }));
}

TEST_CASE("a task request that is wrong is answered with an error and its id") {
  TestGateway gateway([](Config& config) { config.tasks.megabytes_max = 4; });
  WebSocketClient client = gateway.connect("/tasks");
  struct Row {
    const char* name;
    const char* request;
    bool with_id;
  };
  const Row rows[] = {
      {"no JSON", "hello", false},
      {"no id", R"({"digest":{"megabytes":1}})", false},
      {"an id that is text", R"({"id":"a","digest":{"megabytes":1}})", false},
      {"an id that is no 64-bit integer", R"({"id":9223372036854775808,"digest":{"megabytes":1}})", false},
      {"nothing to do", R"({"id":7})", true},
      {"no size", R"({"id":7,"digest":{}})", true},
      {"no megabyte", R"({"id":7,"digest":{"megabytes":0}})", true},
      {"a broken number", R"({"id":7,"digest":{"megabytes":1.5}})", true},
      {"too many megabytes", R"({"id":7,"digest":{"megabytes":5}})", true}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(client.text(row.request));
    const json answer = json::parse(client.next_text());
    CHECK(answer.at("error").is_string());
    CHECK(answer.contains("id") == row.with_id);
  }
  for (const std::int64_t id : {INT64_MAX, INT64_MIN}) {
    CHECK(client.text(R"({"digest":{"megabytes":1},"id":)" + std::to_string(id) + "}"));
    CHECK(json::parse(client.next_text()).at("id") == id);
  }
}

TEST_CASE("a full queue refuses, a connection has a limit of its own, and its end drops what waits") {
  TestGateway gateway([](Config& config) {
    config.tasks.queue_length = 10;
    config.tasks.per_connection = 6;
  });
  WebSocketClient greedy = gateway.connect("/tasks");
  WebSocketClient second = gateway.connect("/tasks");
  WebSocketClient third = gateway.connect("/tasks");
  testing::Gate gate;  // The only worker is busy as long as this test looks.
  REQUIRE(gateway.gateway().tasks().submit(gate.task()));
  gate.wait_until_taken();
  for (int id = 0; id <= 6; ++id) CHECK(greedy.text(digest_request(id, 1).dump()));
  CHECK(greedy.next_text() == R"({"error":"too many tasks on this connection","id":6})");
  for (int id = 1; id <= 5; ++id) CHECK(second.text(digest_request(id, 1).dump()));
  CHECK(second.next_text() == R"({"error":"queue full","id":5})");
  CHECK(third.text(digest_request(9, 1).dump()));
  CHECK(third.next_text() == R"({"error":"queue full","id":9})");
  CHECK(gateway.metric("rtgw_task_queue_length{tenant=\"default\"}") == 10);
  CHECK(second.raw(client_close(1000)));
  CHECK(second.next_close().code() == 1000);
  CHECK(eventually([&] { return gateway.metric("rtgw_task_queue_length{tenant=\"default\"}") == 6; }));
  CHECK(gateway.metric("rtgw_tasks_completed_total{tenant=\"default\",result=\"dropped\"}") == 4);
  CHECK(gateway.metric("rtgw_tasks_completed_total{tenant=\"default\",result=\"queue_full\"}") == 2);
  gate.open();
  for (int i = 0; i < 6; ++i) CHECK(json::parse(greedy.next_text()).contains("sha256"));
}

}  // namespace
}  // namespace sluice::gateway
