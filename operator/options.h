// The command line of sluice-operator.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/log.h"
#include "common/base/result.h"

namespace sluice::op {

struct Options {
  std::string kubeconfig;  ///< Empty: $KUBECONFIG, then the pod's service account, then ~/.kube/config.
  std::string ns;          ///< Empty: the service account's, or the kubeconfig's.
  std::string watch_ns;    ///< The one namespace whose RealtimeGateways are looked after. Empty: all.
  std::string gateway_image;
  std::string metrics_address = "0.0.0.0";
  std::uint16_t metrics_port = 8080;
  bool leader_elect = true;
  LogLevel log_level = LogLevel::kInfo;
  bool help = false;
  bool version = false;
};

/// `arguments` without the program's name; `--flag value` and `--flag=value`. `environment` answers a variable's value
/// or nothing. Errors: kInvalid, a sentence that names the flag.
Result<Options> parse_options(const std::vector<std::string>& arguments,
                              const std::function<std::optional<std::string>(const char*)>& environment);

/// What --help prints.
std::string help_text();

}  // namespace sluice::op
