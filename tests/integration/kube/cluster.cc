#include "tests/integration/kube/cluster.h"

#include <cstdlib>
#include <iostream>

namespace sluice::kube {

Config cluster_config() {
  const char* path = std::getenv("KUBECONFIG");
  Result<Config> config =
      path == nullptr ? Error{ErrorCode::kNotFound, "KUBECONFIG is not set"} : load_kubeconfig(path);
  if (!config) {
    std::cerr << "these tests need a cluster: " << config.error().message << "\n";
    std::exit(2);
  }
  return *config;
}

TestNamespace::TestNamespace() : client_(cluster_config(), "sluice-kube-test", nullptr) {
  const Json ns = {{"metadata", {{"generateName", "sluice-kube-"}}}};
  const Result<Json> made = client_.create(kNamespaces, "", ns);
  if (!made) {
    std::cerr << "no namespace for the test: " << made.error().message << "\n";
    std::exit(2);
  }
  name_ = name_of(*made);
}

TestNamespace::~TestNamespace() {
  if (const Result<Json> removed = client_.remove(kNamespaces, "", name_); !removed) {
    std::cerr << "a namespace stays behind: " << removed.error().message << "\n";
  }
}

Json config_map(const std::string& name, const std::string& value) {
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}}}, {"data", {{"value", value}}}};
}

}  // namespace sluice::kube
