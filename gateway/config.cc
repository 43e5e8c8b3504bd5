#include "gateway/config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "common/base/config_file.h"
#include "gateway/engine/address.h"
#include "gateway/engine/block.h"

namespace sluice::gateway {
namespace {

constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr Duration kDay = std::chrono::hours(24);

std::uint16_t read_port(const ConfigNode& node, std::uint16_t otherwise) {
  return static_cast<std::uint16_t>(node.integer("port", 0, 65'535, otherwise));
}

std::string read_address(const ConfigNode& node, const std::string& otherwise) {
  std::string text = node.text("address", otherwise);
  if (const auto parsed = SocketAddress::parse(text, 0); !parsed) node.at("address").fail(parsed.error().message);
  return text;
}

void read_listeners(const ConfigNode& root, Config& config) {
  const ConfigNode listen = root.at("listen");
  listen.only({"address", "port"});
  config.listen.address = read_address(listen, config.listen.address);
  config.listen.port = read_port(listen, config.listen.port);

  const ConfigNode tls = root.at("tls");
  tls.only({"port", "certFile", "keyFile"});
  config.tls.port = read_port(tls, config.tls.port);
  config.tls.cert_file = tls.text("certFile", "");
  config.tls.key_file = tls.text("keyFile", "");
  if (config.tls.cert_file.empty() != config.tls.key_file.empty()) {
    tls.fail("certFile and keyFile must be set together");
  }

  const ConfigNode admin = root.at("admin");
  admin.only({"address", "port", "publicKeysDir", "podUid"});
  config.admin.address = read_address(admin, config.admin.address);
  config.admin.port = read_port(admin, config.admin.port);
  if (const std::string text = admin.text("publicKeysDir", ""); !text.empty()) config.admin.public_keys_dir = text;
  if (const std::string text = admin.text("podUid", ""); !text.empty()) config.admin.pod_uid = text;

  const ConfigNode metrics = root.at("metrics");
  metrics.only({"address", "port"});
  config.metrics.address = read_address(metrics, config.metrics.address);
  config.metrics.port = read_port(metrics, config.metrics.port);
}

std::size_t read_bytes(const ConfigNode& node, std::string_view field, std::int64_t least, std::int64_t most,
                       std::size_t otherwise) {
  return static_cast<std::size_t>(node.bytes(field, least, most, static_cast<std::int64_t>(otherwise)));
}

void read_limits(const ConfigNode& root, Config::Limits& limits) {
  const ConfigNode node = root.at("limits");
  node.only({"connections", "headerBytes", "messageBytes", "handshakeTimeout", "sendQueueHighBytes",
             "sendQueueLowBytes", "sendQueueMaxBytes"});
  limits.connections = static_cast<std::uint32_t>(node.integer("connections", 1, 4'000'000, limits.connections));
  limits.header_bytes = read_bytes(node, "headerBytes", 512, 64 * kKiB, limits.header_bytes);
  limits.message_bytes = read_bytes(node, "messageBytes", 1, 256 * kMiB, limits.message_bytes);
  limits.handshake_timeout = node.duration("handshakeTimeout", 100ms, 10min, limits.handshake_timeout);
  limits.send_queue_high_bytes =
      read_bytes(node, "sendQueueHighBytes", kKiB, kMiB * kKiB, limits.send_queue_high_bytes);
  limits.send_queue_low_bytes = read_bytes(node, "sendQueueLowBytes", 0, kMiB * kKiB, limits.send_queue_low_bytes);
  limits.send_queue_max_bytes = read_bytes(node, "sendQueueMaxBytes", kKiB, kMiB * kKiB, limits.send_queue_max_bytes);
  if (limits.send_queue_low_bytes >= limits.send_queue_high_bytes) {
    node.fail("sendQueueLowBytes must be below sendQueueHighBytes");
  }
  if (limits.send_queue_max_bytes < limits.send_queue_high_bytes + limits.message_bytes) {
    node.fail("sendQueueMaxBytes must be at least sendQueueHighBytes and messageBytes together");
  }
}

void read_admission(const ConfigNode& root, AdmissionLimits& admission) {
  constexpr double kPerSecondMost = 1e6;
  const ConfigNode node = root.at("admission");
  node.only({"perSecond", "perSecondMax", "queue", "handshakeP99"});
  admission.per_second = node.number("perSecond", 1, kPerSecondMost, admission.per_second);
  // Whoever sets only a rate above the usual maximum wants just that.
  admission.per_second_max =
      node.number("perSecondMax", 1, kPerSecondMost, std::max(admission.per_second_max, admission.per_second));
  admission.queue =
      static_cast<std::size_t>(node.integer("queue", 0, 1'000'000, static_cast<std::int64_t>(admission.queue)));
  admission.handshake_p99 = node.duration("handshakeP99", 1ms, 1min, admission.handshake_p99);
  if (admission.per_second_max < admission.per_second) node.fail("perSecondMax must be at least perSecond");
}

void read_work(const ConfigNode& root, Config& config) {
  const ConfigNode heartbeat = root.at("heartbeat");
  heartbeat.only({"pingInterval", "staleAfter"});
  config.heartbeat.ping_interval = heartbeat.duration("pingInterval", 100ms, kDay, config.heartbeat.ping_interval);
  config.heartbeat.stale_after = heartbeat.duration("staleAfter", 100ms, kDay, config.heartbeat.stale_after);

  const ConfigNode tasks = root.at("tasks");
  tasks.only({"workers", "queueLength", "megabytesMax", "perConnection"});
  config.tasks.workers = static_cast<int>(tasks.integer("workers", 1, 256, config.tasks.workers));
  config.tasks.queue_length = static_cast<std::size_t>(
      tasks.integer("queueLength", 1, 1'000'000, static_cast<std::int64_t>(config.tasks.queue_length)));
  config.tasks.megabytes_max = static_cast<int>(tasks.integer("megabytesMax", 1, 65'536, config.tasks.megabytes_max));
  config.tasks.per_connection =
      static_cast<std::uint32_t>(tasks.integer("perConnection", 1, 1'000'000, config.tasks.per_connection));

  const ConfigNode drain = root.at("drain");
  drain.only({"hintJitter", "terminationGrace"});
  config.drain.hint_jitter = drain.duration("hintJitter", 0ms, kDay, config.drain.hint_jitter);
  config.drain.termination_grace = drain.duration("terminationGrace", 1s, kDay, config.drain.termination_grace);

  const ConfigNode log = root.at("log");
  log.only({"level"});
  if (!parse_log_level(log.text("level", "info"), config.log_level)) {
    log.at("level").fail("must be debug, info, warn or error");
  }
}

Result<Config> read_config(const ConfigFile& file, const Environment& environment) {
  Result<Config> config = default_config(environment);
  if (!config) return config;
  const ConfigNode root = file.root();
  root.only(
      {"listen", "tls", "shards", "admin", "metrics", "limits", "admission", "heartbeat", "tasks", "drain", "log"});
  read_listeners(root, *config);
  config->shards = static_cast<int>(root.integer("shards", 1, 256, config->shards));
  read_limits(root, config->limits);
  read_admission(root, config->admission);
  read_work(root, *config);
  if (const Status status = file.status(); !status) return status.error();
  return config;
}

}  // namespace

std::size_t Config::Limits::pushed_frame_bytes_max() const {
  const std::size_t room = send_queue_max_bytes - std::min(send_queue_high_bytes, send_queue_max_bytes);
  return room - std::min(kBlockOverheadBytes, room);
}

Environment process_environment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

Result<Config> default_config(const Environment& environment) {
  Config config;
  config.admin.pod_uid = environment("SLUICE_POD_UID").value_or("");
  config.admin.public_keys_dir = environment("SLUICE_ADMIN_KEYS_DIR").value_or("");
  if (const auto grace = environment("SLUICE_TERMINATION_GRACE_SECONDS")) {
    int seconds = 0;
    const char* end = grace->data() + grace->size();
    const auto [stopped, error] = std::from_chars(grace->data(), end, seconds);
    if (error != std::errc() || stopped != end || seconds < 1 || seconds > 86'400) {
      return Error{ErrorCode::kInvalid, "environment: SLUICE_TERMINATION_GRACE_SECONDS: must be 1 to 86400 seconds"};
    }
    config.drain.termination_grace = std::chrono::seconds(seconds);
  }
  return config;
}

Result<Config> load_config(const std::string& path, const Environment& environment) {
  const Result<ConfigFile> file = ConfigFile::load(path);
  if (!file) return file.error();
  return read_config(*file, environment);
}

Result<Config> parse_config(std::string_view text, const std::string& name, const Environment& environment) {
  const Result<ConfigFile> file = ConfigFile::parse(text, name);
  if (!file) return file.error();
  return read_config(*file, environment);
}

}  // namespace sluice::gateway
