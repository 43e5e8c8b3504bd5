#include "operator/options.h"

#include <charconv>

namespace sluice::op {
namespace {

Error wrong(const std::string& flag, const std::string& why) {
  return {ErrorCode::kInvalid, flag + ": " + why + " (sluice-operator --help lists the flags)"};
}

/// "0.0.0.0:8080", "[::]:8080", ":8080".
bool split_address(const std::string& text, Options& options) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return false;
  std::string host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(begin, end, options.metrics_port);
  if (error != std::errc() || rest != end) return false;
  options.metrics_address = host.empty() ? "0.0.0.0" : host;
  return true;
}

Status take(const std::string& flag, const std::string& value, Options& options) {
  if (flag == "--kubeconfig") {
    options.kubeconfig = value;
  } else if (flag == "--namespace") {
    options.ns = value;
  } else if (flag == "--watch-namespace") {
    options.watch_ns = value;
  } else if (flag == "--gateway-image") {
    if (value.empty()) return wrong(flag, "an image reference is missing");
    options.gateway_image = value;
  } else if (flag == "--metrics-address") {
    if (!split_address(value, options)) return wrong(flag, "\"" + value + "\" is no ADDRESS:PORT");
  } else if (flag == "--leader-elect") {
    if (value != "true" && value != "false") return wrong(flag, "\"" + value + "\" is neither true nor false");
    options.leader_elect = value == "true";
  } else if (flag == "--log-level") {
    if (!parse_log_level(value, options.log_level)) {
      return wrong(flag, "\"" + value + "\" is none of debug, info, warn, error");
    }
  } else {
    return wrong(flag, "there is no such flag");
  }
  return Status::success();
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments,
                              const std::function<std::optional<std::string>(const char*)>& environment) {
  Options options;
  options.ns = environment("POD_NAMESPACE").value_or("");
  options.gateway_image = "sluice.dev/sluice-gateway:" SLUICE_VERSION;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string flag = arguments[i];
    if (flag == "--help" || flag == "-h") {
      options.help = true;
      continue;
    }
    if (flag == "--version") {
      options.version = true;
      continue;
    }
    std::string value;
    const auto equals = flag.find('=');
    if (!flag.starts_with("--")) return wrong(flag, "only flags are taken");
    if (equals != std::string::npos) {
      value = flag.substr(equals + 1);
      flag.resize(equals);
    } else if (flag == "--leader-elect" && (i + 1 == arguments.size() || arguments[i + 1].starts_with("--"))) {
      value = "true";
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return wrong(flag, "its value is missing");
    }
    if (Status taken = take(flag, value, options); !taken) return taken.error();
  }
  return options;
}

std::string help_text() {
  return R"(sluice-operator )" SLUICE_VERSION
         R"( turns RealtimeGateways into gateway pods, and drains pods before it removes them.

  --kubeconfig FILE         how to reach the API server; default: $KUBECONFIG, else the pod's service account,
                            else ~/.kube/config
  --namespace NS            its own namespace: holds the Lease sluice-operator and the Secret
                            sluice-admin-signing-key; default: $POD_NAMESPACE, else the service account's
  --watch-namespace NS      looks after the RealtimeGateways of this one namespace; default: of all
  --gateway-image REF       image of gateways whose template names none;
                            default: sluice.dev/sluice-gateway:)" SLUICE_VERSION R"(
  --metrics-address A:P     /metrics, /healthz and /readyz; default: 0.0.0.0:8080
  --leader-elect=BOOL       of several operators only the holder of the Lease acts; default: true
  --log-level LEVEL         debug, info, warn or error; default: info
  --version                 prints the version
  --help                    prints this

Exit code: 0 after SIGTERM or SIGINT, 1 for a wrong flag, an unusable kubeconfig or a lost Lease (start it again).

When something is wrong:
  kubectl describe rtgw NAME      conditions and events say what is done, why, until when, and what blocks it
  log: drain started/ordered      a drain's decisions; "a gateway did not take a call" means its port 9901 is not
                                  reachable or refuses the token: drains of that pod wait for their deadline
  stop every drain at once        scale up: kubectl scale rtgw NAME --replicas N takes draining pods back
)";
}

}  // namespace sluice::op
