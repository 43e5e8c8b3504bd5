// Kubeconfigs as text: what one or several of them, and a command line, say together. Apart from its I/O.
// Source: client-go tools/clientcmd (api/v1, client_config.go, validation.go).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/kube/config.h"

namespace sluice::kube {

struct KubeconfigText {
  std::string path;  ///< Relative paths inside count from its folder; named in errors.
  std::string text;

  bool operator==(const KubeconfigText&) const = default;
};
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

/// The first text that says something wins. `read` is asked for the files that they name. Errors: kInvalid (names file
/// and field, never a value that may be a secret), and what `read` answers.
Result<Config> parse_kubeconfigs(const std::vector<KubeconfigText>& texts, const ConfigOverrides& overrides,
                                 const ReadFile& read);

/// What the command line says about `config`, which came from `where`. Errors: kInvalid (contradictions, too), and what
/// `read` answers.
Status apply_overrides(const ConfigOverrides& overrides, const std::string& where, const ReadFile& read,
                       Config& config);

}  // namespace sluice::kube
