#include "adapter/options.h"

#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "common/base/duration_text.h"

namespace sluice::adapter {
namespace {

constexpr Duration kAgeMin{1'000}, kAgeMax{86'400'000};

using Setter = std::function<std::optional<std::string>(const std::string& value)>;  // answers what is wrong

Setter text(std::string& into) {
  return [&into](const std::string& value) -> std::optional<std::string> {
    if (value.empty()) return "needs a value";
    into = value;
    return std::nullopt;
  };
}

Setter duration(Duration& into) {
  return [&into](const std::string& value) -> std::optional<std::string> {
    const auto parsed = parse_duration(value);
    if (!parsed || *parsed < kAgeMin || *parsed > kAgeMax) {
      return "\"" + value + "\" is not a duration from " + format_duration(kAgeMin) + " to " +
             format_duration(kAgeMax) + " (30s, 2m, 1m30s)";
    }
    into = *parsed;
    return std::nullopt;
  };
}

Setter port(std::uint16_t& into) {
  return [&into](const std::string& value) -> std::optional<std::string> {
    std::uint16_t number = 0;
    const auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (bad != std::errc() || end != value.data() + value.size() || number == 0) {
      return "\"" + value + "\" is not a port from 1 to 65535";
    }
    into = number;
    return std::nullopt;
  };
}

// Whether a host stands behind "http://" or "https://" (and behind a user, where there is one).
bool has_host(std::string_view url) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) return false;
  url.remove_prefix(url.find("://") + 3);
  std::string_view host = url.substr(0, url.find('/'));
  const std::size_t user = host.rfind('@');
  if (user != std::string_view::npos) host.remove_prefix(user + 1);
  return !host.empty() && host.front() != ':';
}

Setter url(std::string& into) {
  return [&into](const std::string& value) -> std::optional<std::string> {
    if (!has_host(value) || value.find_first_of("?# \t\n") != std::string::npos) {
      return "\"" + value + "\" is not a URL like http://prometheus.monitoring.svc:9090";
    }
    into = value;
    return std::nullopt;
  };
}

Setter log_level(LogLevel& into) {
  return [&into](const std::string& value) -> std::optional<std::string> {
    if (parse_log_level(value, into)) return std::nullopt;
    return "\"" + value + "\" is none of debug, info, warn, error";
  };
}

Error wrong(const std::string& flag, const std::string& what) {
  return {ErrorCode::kInvalid, "--" + flag + ": " + what};
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options out;
  const std::map<std::string, Setter> flags = {{"config", text(out.config)},
                                               {"prometheus-url", url(out.prometheus_url)},
                                               {"secure-port", port(out.secure_port)},
                                               {"tls-cert-file", text(out.tls_cert_file)},
                                               {"tls-private-key-file", text(out.tls_private_key_file)},
                                               {"cert-dir", text(out.cert_dir)},
                                               {"kubeconfig", text(out.kubeconfig)},
                                               {"metrics-max-age", duration(out.metrics_max_age)},
                                               {"metrics-relist-interval", duration(out.metrics_relist_interval)},
                                               {"log-level", log_level(out.log_level)}};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      out.help = true;
      return out;
    }
    if (argument == "--version") {
      out.version = true;
      return out;
    }
    if (!argument.starts_with("--"))
      return Error{ErrorCode::kInvalid, "unexpected argument \"" + argument + "\" (try --help)"};
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    const auto flag = flags.find(name);
    if (flag == flags.end()) return Error{ErrorCode::kInvalid, "unknown flag --" + name + " (try --help)"};
    if (equals == std::string::npos && i + 1 == arguments.size()) return wrong(name, "needs a value");
    const std::string value = equals == std::string::npos ? arguments[++i] : argument.substr(equals + 1);
    if (const auto bad = flag->second(value)) return wrong(name, *bad);
  }
  if (out.config.empty()) return wrong("config", "is missing: the file with the rules (try --help)");
  if (out.prometheus_url.empty()) return wrong("prometheus-url", "is missing: where Prometheus is (try --help)");
  if (out.tls_cert_file.empty() != out.tls_private_key_file.empty()) {
    return Error{ErrorCode::kInvalid, "--tls-cert-file and --tls-private-key-file are given both or not at all"};
  }
  if (!out.tls_cert_file.empty() && !out.cert_dir.empty()) {
    return Error{ErrorCode::kInvalid, "--cert-dir and --tls-cert-file exclude each other"};
  }
  return out;
}

const char* help_text() {
  return R"(sluice-adapter serves custom.metrics.k8s.io from Prometheus, so that a HorizontalPodAutoscaler can scale by its series.

usage: sluice-adapter --config FILE --prometheus-url URL [flags]

What it needs
  --config FILE                     rules, in prometheus-adapter's format
  --prometheus-url URL              for example http://prometheus.monitoring.svc:9090; a path may follow

Which samples it serves
  --metrics-max-age DURATION        an older sample is an error, not a value; also how long a series without
                                    samples is still listed (2m)
  --metrics-relist-interval DURATION  how often rules are matched with Prometheus' series (1m)

How it is reached
  --secure-port PORT                HTTPS, on all addresses (6443)
  --tls-cert-file FILE              its certificate (chain) and key, PEM; read again when they change.
  --tls-private-key-file FILE       Must be valid for SERVICE.NAMESPACE.svc
  --cert-dir DIR                    without these two: where a self-signed pair is made and kept (in memory only)

How it reaches the API server
  --kubeconfig FILE                 else $KUBECONFIG, the pod's service account, ~/.kube/config

  --log-level LEVEL                 debug, info, warn, error (info)
  --help, --version

When an HPA shows <unknown>
  kubectl describe hpa NAME                     the condition ScalingActive holds our sentence
  kubectl get apiservice v1beta2.custom.metrics.k8s.io
                                                Available=False: the API server cannot reach us, or does not trust
                                                the certificate (caBundle)
  kubectl get --raw /apis/custom.metrics.k8s.io/v1beta2
                                                which metrics there are. Missing: no rule's seriesQuery finds the
                                                series in Prometheus, or its labels name no resource
  503 with "Prometheus does not answer"         --prometheus-url is wrong, or Prometheus is down
  503 with "is too old"                         Prometheus does not scrape the target any more
  500 with "rule N"                             the N-th rule makes a query that Prometheus refuses
)";
}

}  // namespace sluice::adapter
