#include "operator/options.h"

#include <doctest/doctest.h>

#include <map>

namespace sluice::op {
namespace {

Result<Options> parse(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& variables) {
  return parse_options(arguments, [&](const char* name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    if (it == variables.end()) return std::nullopt;
    return it->second;
  });
}

}  // namespace

TEST_CASE("defaults and every flag") {
  const auto defaults = parse({}, {{"POD_NAMESPACE", "sluice-system"}});
  REQUIRE(defaults);
  CHECK(defaults->ns == "sluice-system");
  CHECK(defaults->watch_ns.empty());
  CHECK(defaults->leader_elect);
  CHECK(defaults->metrics_address == "0.0.0.0");
  CHECK(defaults->metrics_port == 8080);
  CHECK(defaults->gateway_image.starts_with("sluice.dev/sluice-gateway:"));

  const auto all = parse({"--kubeconfig", "k", "--namespace=other", "--watch-namespace=team-a", "--gateway-image",
                          "g:1", "--metrics-address", "[::1]:9", "--leader-elect=false", "--log-level", "debug"},
                         {{"POD_NAMESPACE", "sluice-system"}});
  REQUIRE(all);
  CHECK(all->kubeconfig == "k");
  CHECK(all->ns == "other");
  CHECK(all->watch_ns == "team-a");
  CHECK(all->gateway_image == "g:1");
  CHECK(all->metrics_address == "::1");
  CHECK(all->metrics_port == 9);
  CHECK_FALSE(all->leader_elect);
  CHECK(all->log_level == LogLevel::kDebug);
  CHECK(parse({"--leader-elect", "--log-level", "warn"}, {})->leader_elect);
  CHECK(parse({"--metrics-address=:0"}, {})->metrics_address == "0.0.0.0");
  CHECK(parse({"--help"}, {})->help);
  CHECK(parse({"--version"}, {})->version);
}

TEST_CASE("a wrong command line is one sentence that names the flag") {
  struct Row {
    const char* name;
    std::vector<std::string> arguments;
    const char* names;
  };
  const Row rows[] = {
      {"unknown flag", {"--colour", "red"}, "--colour: there is no such flag"},
      {"no flag", {"run"}, "run: only flags are taken"},
      {"no value", {"--kubeconfig"}, "--kubeconfig: its value is missing"},
      {"no port", {"--metrics-address", "localhost"}, "--metrics-address: \"localhost\" is no ADDRESS:PORT"},
      {"port out of range", {"--metrics-address", "a:99999"}, "--metrics-address: \"a:99999\""},
      {"no boolean", {"--leader-elect=yes"}, "--leader-elect: \"yes\" is neither true nor false"},
      {"no level", {"--log-level", "loud"}, "--log-level: \"loud\" is none of"},
      {"no image", {"--gateway-image="}, "--gateway-image: an image reference is missing"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto parsed = parse(row.arguments, {});
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == ErrorCode::kInvalid);
    CHECK(parsed.error().message.starts_with(row.names));
  }
}

}  // namespace sluice::op
