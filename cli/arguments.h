// The command line, read as kubectl reads its own (pflag): flags may stand anywhere, "--" ends them. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"

namespace sluice::cli {

/// What a flag or an argument stands for: what completion offers for it.
enum class Values {
  kNone,
  kGateway,
  kPod,
  kNamespace,
  kRevision,
  kOutput,
  kOutputOrWide,
  kOutputOrName,
  kDryRun,
  kShell,
  kFile,
  kEventType
};

struct Flag {
  const char* name;
  char letter = 0;               ///< "-n"; 0 for none.
  const char* placeholder = "";  ///< "NAME"; empty for a switch.
  const char* fallback = "";     ///< What holds where it is not given.
  const char* help = "";
  bool repeats = false;  ///< May be given several times; each value counts.
  Values values = Values::kNone;

  [[nodiscard]] bool is_switch() const { return placeholder[0] == '\0'; }
};

struct Command {
  const char* name;
  const char* arguments;  ///< "NAME", "[NAME]", "POD..."; for the usage line.
  const char* summary;
  const char* description;
  const char* examples;
  std::size_t arguments_min = 0;
  std::size_t arguments_max = 0;
  Values values = Values::kNone;  ///< Of its arguments.
  std::vector<Flag> flags;
  bool needs_cluster = true;
};

struct Parsed {
  const Command* command = nullptr;  ///< Null where none is named.
  std::vector<std::string> arguments;
  std::map<std::string, std::vector<std::string>> flags;  ///< By name; as they were given.
  bool help = false;

  [[nodiscard]] bool has(const char* flag) const { return flags.contains(flag); }
  /// A switch that is on.
  [[nodiscard]] bool on(const char* flag) const;
  /// The last value given, else its fallback.
  [[nodiscard]] std::string text(const char* flag) const;
  [[nodiscard]] std::vector<std::string> texts(const char* flag) const;
};

/// `words` without the program's name; `commands` and `globals` outlive the answer. Errors: kInvalid, in pflag's and
/// cobra's words.
Result<Parsed> parse_arguments(const std::vector<std::string>& words, const std::vector<Command>& commands,
                               const std::vector<Flag>& globals);
/// A command line that is still being written, for completion: no argument need be there yet, and what cannot be read
/// is left out.
Parsed parse_unfinished(const std::vector<std::string>& words, const std::vector<Command>& commands,
                        const std::vector<Flag>& globals);

/// The flag that `word` ("--name", "--name=x", "-n", "-nx") begins, among the command's and the global ones.
const Flag* find_flag(std::string_view word, const Command* command, const std::vector<Flag>& globals);

/// "edge", "rtgw/edge", "realtimegateway.sluice.dev/edge" -> "edge". Errors: kInvalid for another type.
Result<std::string> gateway_argument(const std::string& word);
/// "edge-abc12", "pod/edge-abc12", "pods/..", "po/..".
Result<std::string> pod_argument(const std::string& word);

enum class Output { kTable, kWide, kJson, kYaml, kName };
/// Of --output. Errors: kInvalid where the command has no such format.
Result<Output> output_of(const Parsed& parsed);
/// Of --dry-run: whether nothing may be written for good. Errors: kInvalid.
Result<bool> dry_run_of(const Parsed& parsed);
/// Of a flag with a duration ("2s"), at least `least`. Errors: kInvalid.
Result<Duration> duration_of(const Parsed& parsed, const char* flag, Duration least);

}  // namespace sluice::cli
