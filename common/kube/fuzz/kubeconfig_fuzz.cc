// Kubeconfigs: no input may crash the reader, what it refuses is named, and what it takes can be connected to.
#include <string>

#include "common/kube/fuzz/target.h"
#include "common/kube/kubeconfig.h"

namespace sluice::kube {

int fuzz_kubeconfig(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const ReadFile read = [](const std::string& path) -> Result<std::string> {
    fuzz::expect(!path.empty() && path.front() == '/');
    return std::string("PEM");
  };
  for (const ConfigOverrides& overrides : {ConfigOverrides{}, ConfigOverrides{.server = "https://a", .as = "jane"}}) {
    const Result<Config> config = parse_kubeconfigs({{"/k/config", text}}, overrides, read);
    if (!config) {
      fuzz::expect(config.error().code == ErrorCode::kInvalid);
      fuzz::expect(config.error().message.find("/k/config") != std::string::npos);
      continue;
    }
    fuzz::expect(config->server.starts_with("http://") || config->server.starts_with("https://"));
    fuzz::expect(config->tls.cert_pem.empty() == config->tls.key_pem.empty());
    fuzz::expect(!config->exec || (config->token.empty() && !config->exec->command.empty()));
    fuzz::expect(!config->impersonate.user.empty() || config->impersonate.groups.empty());
  }
  return 0;
}

}  // namespace sluice::kube

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::kube::fuzz_kubeconfig(data, size);
}
#endif
