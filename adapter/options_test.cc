#include "adapter/options.h"

#include <doctest/doctest.h>

namespace sluice::adapter {
namespace {

TEST_CASE("flags are read in both forms") {
  const auto options =
      parse_options({"--config", "rules.yaml", "--prometheus-url=https://p:9090/x", "--secure-port=7443",
                     "--tls-cert-file=c", "--tls-private-key-file", "k", "--kubeconfig=kc", "--metrics-max-age=90s",
                     "--metrics-relist-interval", "10m", "--log-level=debug"});
  REQUIRE_MESSAGE(options.ok(), (options.ok() ? "" : options.error().message));
  CHECK(options->config == "rules.yaml");
  CHECK(options->prometheus_url == "https://p:9090/x");
  CHECK(options->secure_port == 7443);
  CHECK(options->tls_cert_file == "c");
  CHECK(options->tls_private_key_file == "k");
  CHECK(options->kubeconfig == "kc");
  CHECK(options->metrics_max_age == std::chrono::seconds(90));
  CHECK(options->metrics_relist_interval == std::chrono::minutes(10));
  CHECK(options->log_level == LogLevel::kDebug);
}

TEST_CASE("what is not given has the documented default") {
  const auto options = parse_options({"--config=r", "--prometheus-url=http://p"});
  REQUIRE(options.ok());
  CHECK(options->secure_port == 6443);
  CHECK(options->metrics_max_age == std::chrono::minutes(2));
  CHECK(options->metrics_relist_interval == std::chrono::minutes(1));
  CHECK(options->log_level == LogLevel::kInfo);
  CHECK(options->cert_dir.empty());
}

TEST_CASE("help and version need nothing else") {
  CHECK(parse_options({"--help"})->help);
  CHECK(parse_options({"--config=x", "-h", "--nonsense"})->help);
  CHECK(parse_options({"--version"})->version);
  const std::string help = help_text();
  for (const char* flag :
       {"--config", "--prometheus-url", "--secure-port", "--tls-cert-file", "--tls-private-key-file", "--cert-dir",
        "--kubeconfig", "--metrics-max-age", "--metrics-relist-interval", "--log-level"}) {
    CAPTURE(std::string(flag));
    CHECK(help.find(flag) != std::string::npos);
  }
}

TEST_CASE("Prometheus' URL has a host") {
  const auto taken = [](const char* url) { return parse_options({"--config=r", "--prometheus-url", url}).ok(); };
  for (const char* good : {"http://p", "https://p/", "https://user:secret@p:9090/x", "http://[::1]:9090"}) {
    CAPTURE(std::string(good));
    CHECK(taken(good));
  }
  for (const char* bad : {"http://", "https://", "https:///x", "http://:9090", "http://user@", "http://user@:9090/x",
                          "ftp://p", "p", "http:/p"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(taken(bad));
  }
}

TEST_CASE("a wrong flag is named in one sentence") {
  struct Row {
    std::vector<std::string> arguments;
    const char* message;
  };
  const std::string config = "--config=r", url = "--prometheus-url=http://p";
  const Row rows[] = {
      {{}, "--config: is missing: the file with the rules (try --help)"},
      {{config}, "--prometheus-url: is missing: where Prometheus is (try --help)"},
      {{config, url, "--port=1"}, "unknown flag --port (try --help)"},
      {{config, url, "rules.yaml"}, "unexpected argument \"rules.yaml\" (try --help)"},
      {{config, url, "--kubeconfig"}, "--kubeconfig: needs a value"},
      {{config, url, "--kubeconfig="}, "--kubeconfig: needs a value"},
      {{config, "--prometheus-url=p:9090"},
       "--prometheus-url: \"p:9090\" is not a URL like http://prometheus.monitoring.svc:9090"},
      {{config, "--prometheus-url=http://"},
       "--prometheus-url: \"http://\" is not a URL like http://prometheus.monitoring.svc:9090"},
      {{config, "--prometheus-url=http://p?x=y"},
       "--prometheus-url: \"http://p?x=y\" is not a URL like http://prometheus.monitoring.svc:9090"},
      {{config, url, "--secure-port=0"}, "--secure-port: \"0\" is not a port from 1 to 65535"},
      {{config, url, "--secure-port=65536"}, "--secure-port: \"65536\" is not a port from 1 to 65535"},
      {{config, url, "--metrics-max-age=soon"},
       "--metrics-max-age: \"soon\" is not a duration from 1s to 24h0m0s (30s, 2m, 1m30s)"},
      {{config, url, "--metrics-relist-interval=0s"},
       "--metrics-relist-interval: \"0s\" is not a duration from 1s to 24h0m0s (30s, 2m, 1m30s)"},
      {{config, url, "--log-level=loud"}, "--log-level: \"loud\" is none of debug, info, warn, error"},
      {{config, url, "--tls-cert-file=c"}, "--tls-cert-file and --tls-private-key-file are given both or not at all"},
      {{config, url, "--tls-cert-file=c", "--tls-private-key-file=k", "--cert-dir=d"},
       "--cert-dir and --tls-cert-file exclude each other"}};
  for (const Row& row : rows) {
    CAPTURE(std::string(row.message));
    const auto options = parse_options(row.arguments);
    REQUIRE_FALSE(options.ok());
    CHECK(options.error().message == row.message);
  }
}

}  // namespace
}  // namespace sluice::adapter
