// The command line. Names as prometheus-adapter's users know them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/result.h"

namespace sluice::adapter {

struct Options {
  std::string config;
  std::string prometheus_url;
  std::uint16_t secure_port = 6443;
  std::string tls_cert_file, tls_private_key_file;
  std::string cert_dir;
  std::string kubeconfig;
  Duration metrics_max_age{120'000};
  Duration metrics_relist_interval{60'000};
  LogLevel log_level = LogLevel::kInfo;
  bool help = false;
  bool version = false;
};

/// `arguments` without the program's name; "--flag value" and "--flag=value" both. Errors: kInvalid, one sentence that
/// names the flag.
Result<Options> parse_options(const std::vector<std::string>& arguments);

/// What --help prints.
const char* help_text();

}  // namespace sluice::adapter
