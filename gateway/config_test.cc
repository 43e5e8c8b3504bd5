#include "gateway/config.h"

#include <doctest/doctest.h>

#include <map>

namespace sluice::gateway {
namespace {

Environment environment(std::map<std::string, std::string> values = {}) {
  return [values = std::move(values)](const char* name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

TEST_CASE("an empty file means the defaults") {
  const auto config = parse_config("{}\n", "c.yaml", environment());
  REQUIRE(config);
  CHECK(config->listen.port == 8080);
  CHECK(config->tls.port == 8443);
  CHECK(!config->tls.enabled());
  CHECK(config->admin.port == 9901);
  CHECK(config->metrics.port == 9902);
  CHECK(config->limits.connections == 100'000);
  CHECK(config->limits.header_bytes == 8192);
  CHECK(config->limits.message_bytes == 1 << 20);
  CHECK(config->limits.send_queue_max_bytes >= config->limits.send_queue_high_bytes + config->limits.message_bytes);
  CHECK(config->heartbeat.stale_after == 30s);
  CHECK(config->drain.termination_grace == 600s);
  CHECK(config->admission.per_second == 1000);
  CHECK(config->admission.per_second_max == 5000);
  CHECK(config->admission.queue == 4000);
  CHECK(config->admission.handshake_p99 == 250ms);
}

TEST_CASE("every field can be set") {
  const auto config = parse_config(
      "listen: {address: 127.0.0.1, port: 1}\n"
      "tls: {port: 2, certFile: c, keyFile: k}\n"
      "shards: 3\n"
      "admin: {address: '::1', port: 4, publicKeysDir: d, podUid: u}\n"
      "metrics: {address: 127.0.0.2, port: 5}\n"
      "limits: {connections: 6, headerBytes: 7KiB, messageBytes: 8, handshakeTimeout: 9s, sendQueueHighBytes: 12KiB,\n"
      "         sendQueueLowBytes: 11KiB, sendQueueMaxBytes: 13KiB}\n"
      "admission: {perSecond: 22.5, perSecondMax: 23, queue: 24, handshakeP99: 25ms}\n"
      "heartbeat: {pingInterval: 14s, staleAfter: 15s}\n"
      "tasks: {workers: 16, queueLength: 17, megabytesMax: 18, perConnection: 19}\n"
      "drain: {hintJitter: 20s, terminationGrace: 21s}\n"
      "log: {level: debug}\n",
      "c.yaml", environment());
  REQUIRE(config);
  CHECK(config->listen.address == "127.0.0.1");
  CHECK(config->listen.port == 1);
  CHECK(config->tls.port == 2);
  CHECK(config->tls.enabled());
  CHECK(config->shards == 3);
  CHECK(config->admin.address == "::1");
  CHECK(config->admin.public_keys_dir == "d");
  CHECK(config->admin.pod_uid == "u");
  CHECK(config->metrics.port == 5);
  CHECK(config->limits.connections == 6);
  CHECK(config->limits.header_bytes == 7168);
  CHECK(config->limits.message_bytes == 8);
  CHECK(config->limits.handshake_timeout == 9s);
  CHECK(config->limits.send_queue_low_bytes == 11'264);
  CHECK(config->limits.send_queue_high_bytes == 12'288);
  CHECK(config->limits.send_queue_max_bytes == 13'312);
  CHECK(config->heartbeat.ping_interval == 14s);
  CHECK(config->heartbeat.stale_after == 15s);
  CHECK(config->tasks.workers == 16);
  CHECK(config->tasks.queue_length == 17);
  CHECK(config->tasks.megabytes_max == 18);
  CHECK(config->tasks.per_connection == 19);
  CHECK(config->drain.hint_jitter == 20s);
  CHECK(config->drain.termination_grace == 21s);
  CHECK(config->admission.per_second == 22.5);
  CHECK(config->admission.per_second_max == 23);
  CHECK(config->admission.queue == 24);
  CHECK(config->admission.handshake_p99 == 25ms);
  CHECK(config->log_level == LogLevel::kDebug);
}

TEST_CASE("a broken file is one line that names file, line and field") {
  struct Row {
    const char* name;
    const char* text;
    const char* begin;
  };
  const Row rows[] = {
      {"an unknown section", "lissen: {}\n", "c.yaml:1: lissen: "},
      {"an unknown field", "shards: 1\nlisten: {prot: 1}\n", "c.yaml:2: listen.prot: "},
      {"a wrong type", "shards: many\n", "c.yaml:1: shards: "},
      {"out of range", "listen:\n  port: 65536\n", "c.yaml:2: listen.port: "},
      {"no address", "listen: {address: localhost}\n", "c.yaml:1: listen.address: "},
      {"a duration without a unit", "heartbeat: {pingInterval: 30}\n", "c.yaml:1: heartbeat.pingInterval: "},
      {"bytes that are none", "limits: {messageBytes: 1Mi}\n", "c.yaml:1: limits.messageBytes: "},
      {"a certificate without a key", "tls: {certFile: a}\n", "c.yaml:1: tls: "},
      {"watermarks crossed", "limits: {sendQueueLowBytes: 64KiB}\n", "c.yaml:1: limits: "},
      {"a high mark above the maximum", "limits: {sendQueueMaxBytes: 32KiB}\n", "c.yaml:1: limits: "},
      {"no room for a message above the high mark", "limits: {messageBytes: 2MiB}\n", "c.yaml:1: limits: "},
      {"a log level that is none", "log: {level: loud}\n", "c.yaml:1: log.level: "},
      {"a list for a section", "listen: []\n", "c.yaml:1: listen: "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto config = parse_config(row.text, "c.yaml", environment());
    REQUIRE(!config);
    CAPTURE(config.error().message);
    CHECK(config.error().message.substr(0, std::string(row.begin).size()) == row.begin);
    CHECK(config.error().message.find('\n') == std::string::npos);
  }
  CHECK(!parse_config("listen: {\n", "c.yaml", environment()));
  CHECK(load_config("no/such/file.yaml", environment()).error().code == ErrorCode::kNotFound);
}

TEST_CASE("the pod's environment fills what the file leaves out") {
  const Environment pod = environment(
      {{"SLUICE_POD_UID", "uid-1"}, {"SLUICE_ADMIN_KEYS_DIR", "keys"}, {"SLUICE_TERMINATION_GRACE_SECONDS", "90"}});
  const auto config = default_config(pod);
  REQUIRE(config);
  CHECK(config->admin.pod_uid == "uid-1");
  CHECK(config->admin.public_keys_dir == "keys");
  CHECK(config->drain.termination_grace == 90s);
  const auto file = parse_config("admin: {podUid: uid-2}\ndrain: {terminationGrace: 10s}\n", "c.yaml", pod);
  REQUIRE(file);
  CHECK(file->admin.pod_uid == "uid-2");
  CHECK(file->admin.public_keys_dir == "keys");
  CHECK(file->drain.termination_grace == 10s);
  for (const char* value : {"0", "-1", "soon", "10s", "100000"}) {
    CAPTURE(value);
    CHECK(!default_config(environment({{"SLUICE_TERMINATION_GRACE_SECONDS", value}})));
  }
}

}  // namespace
}  // namespace sluice::gateway
