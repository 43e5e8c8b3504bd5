// What may come next on a command line, in cobra's protocol, which kubectl's own completion speaks to plugins: lines
// "candidate\tdescription", then ":<directive>". Pure but for what `look_up` does. Source: cobra completions.go,
// kubectl pkg/cmd/plugin_completion.go.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/arguments.h"

namespace sluice::cli {

/// Names that the cluster knows for `values`; `parsed` is what stands before, for its namespace, its kubeconfig and so
/// on. Empty where they cannot be had.
using LookUp = std::function<std::vector<std::string>(Values values, const Parsed& parsed)>;

/// The answer for `words`, the last of which is being written (perhaps empty).
std::string complete(const std::vector<std::string>& words, const std::vector<Command>& commands,
                     const std::vector<Flag>& globals, const LookUp& look_up);

/// The script of a shell: "bash", "zsh" or "fish"; empty for another.
std::string completion_script(const std::string& shell);

}  // namespace sluice::cli
