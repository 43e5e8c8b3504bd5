// The gateway's configuration file (docs/design/0001-main-job.md, "Gateway"): each field has a default, every error
// names file, line and field.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/result.h"
#include "gateway/admission/admission.h"

namespace sluice::gateway {

struct Config {
  struct Listen {
    std::string address = "0.0.0.0";
    std::uint16_t port = 8080;  ///< 0: a free one.
  } listen;

  struct Tls {
    std::uint16_t port = 8443;
    std::string cert_file;
    std::string key_file;
    [[nodiscard]] bool enabled() const { return !cert_file.empty(); }
  } tls;

  int shards = 1;

  struct Admin {
    std::string address = "0.0.0.0";
    std::uint16_t port = 9901;
    std::string public_keys_dir;  ///< Default: $SLUICE_ADMIN_KEYS_DIR.
    std::string pod_uid;          ///< Default: $SLUICE_POD_UID.
  } admin;

  struct Metrics {
    std::string address = "0.0.0.0";
    std::uint16_t port = 9902;
  } metrics;

  struct Limits {
    std::uint32_t connections = 100'000;  ///< Of the process.
    std::size_t header_bytes = std::size_t{8} * 1024;
    std::size_t message_bytes = std::size_t{1024} * 1024;
    Duration handshake_timeout{10'000};
    std::size_t send_queue_high_bytes = std::size_t{64} * 1024;
    std::size_t send_queue_low_bytes = std::size_t{16} * 1024;
    std::size_t send_queue_max_bytes = std::size_t{2048} * 1024;  ///< At least the high mark and a message.
    /// The longest frame that may be pushed to many: it fits beside a queue at its high mark, so that no single message
    /// makes a slow consumer of a client that keeps up.
    [[nodiscard]] std::size_t pushed_frame_bytes_max() const;
  } limits;

  AdmissionLimits admission;

  struct Heartbeat {
    Duration ping_interval{30'000};
    Duration stale_after{30'000};
  } heartbeat;

  struct Tasks {
    int workers = 1;
    std::size_t queue_length = 1024;
    int megabytes_max = 256;
    std::uint32_t per_connection = 64;
  } tasks;

  struct Drain {
    Duration hint_jitter{30'000};
    Duration termination_grace{600'000};  ///< Default: $SLUICE_TERMINATION_GRACE_SECONDS.
  } drain;

  LogLevel log_level = LogLevel::kInfo;
};

/// The value of an environment variable, nothing where it is unset. Passed in, so that tests need no environment.
using Environment = std::function<std::optional<std::string>(const char* name)>;
/// The process's own environment.
[[nodiscard]] Environment process_environment();

/// The defaults. Errors: kInvalid (a variable holds what its field cannot be).
Result<Config> default_config(const Environment& environment);
/// From a file. Errors: kNotFound, kInvalid; the message is the line to print: "FILE:LINE: FIELD: what is wrong".
Result<Config> load_config(const std::string& path, const Environment& environment);
/// From a text; `name` stands for the path in errors.
Result<Config> parse_config(std::string_view text, const std::string& name, const Environment& environment);

}  // namespace sluice::gateway
