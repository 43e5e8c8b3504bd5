#include "cli/completion.h"

#include <algorithm>

namespace sluice::cli {
namespace {

// cobra's ShellCompDirective: bits.
constexpr int kNoFiles = 4;
constexpr int kFiles = 0;

class Completer {
 public:
  Completer(const std::vector<std::string>& words, const std::vector<Command>& commands,
            const std::vector<Flag>& globals, const LookUp& look_up)
      : commands_(commands), globals_(globals), look_up_(look_up) {
    std::vector<std::string> before = words;
    if (!before.empty()) {
      typed_ = before.back();
      before.pop_back();
    }
    // "--flag=": what follows is being written.
    const auto equals = typed_.find('=');
    if (typed_.rfind("--", 0) == 0 && equals != std::string::npos) {
      parsed_ = parse_unfinished(before, commands_, globals_);
      value_of_ = find_flag(typed_, parsed_.command, globals_);
      prefix_ = typed_.substr(0, equals + 1);
      typed_ = typed_.substr(equals + 1);
      return;
    }
    parsed_ = parse_unfinished(before, commands_, globals_);
    if (!before.empty() && before.back().size() > 1 && before.back().front() == '-' && before.back() != "--") {
      const Flag* flag = find_flag(before.back(), parsed_.command, globals_);
      const bool has_value =
          before.back().find('=') != std::string::npos || (before.back()[1] != '-' && before.back().size() > 2);
      if (flag != nullptr && !flag->is_switch() && !has_value) value_of_ = flag;
    }
  }

  std::string answer() {
    if (value_of_ != nullptr) {
      offer_values(value_of_->values);
    } else if (!typed_.empty() && typed_.front() == '-') {
      offer_flags();
    } else if (parsed_.command == nullptr) {
      for (const Command& command : commands_) offer(command.name, command.summary);
    } else if (parsed_.arguments.size() < parsed_.command->arguments_max) {
      offer_values(parsed_.command->values);
    }
    return out_ + ":" + std::to_string(directive_) + "\n";
  }

 private:
  void offer(const std::string& candidate, const std::string& description = {}) {
    if (candidate.rfind(typed_, 0) != 0) return;
    out_ += prefix_ + candidate + (description.empty() ? "" : "\t" + description) + "\n";
  }

  void offer_flags() {
    const auto offer_all = [this](const std::vector<Flag>& flags) {
      for (const Flag& flag : flags) {
        if (!parsed_.has(flag.name) || flag.repeats) offer(std::string("--") + flag.name, flag.help);
      }
    };
    if (parsed_.command != nullptr) offer_all(parsed_.command->flags);
    offer_all(globals_);
    offer("--help", "what this command does");
  }

  void offer_values(Values values) {
    switch (values) {
      case Values::kNone:
        return;
      case Values::kOutput:
        return offer_words({"json", "yaml"});
      case Values::kOutputOrWide:
        return offer_words({"json", "yaml", "wide"});
      case Values::kOutputOrName:
        return offer_words({"json", "yaml", "name"});
      case Values::kDryRun:
        return offer_words({"none", "server"});
      case Values::kShell:
        return offer_words({"bash", "fish", "zsh"});
      case Values::kEventType:
        return offer_words({"Normal", "Warning"});
      case Values::kFile:
        directive_ = kFiles;
        return;
      case Values::kGateway:
      case Values::kPod:
      case Values::kNamespace:
      case Values::kRevision:
        break;
    }
    for (const std::string& name : look_up_(values, parsed_)) {
      const auto& given = parsed_.arguments;
      if (value_of_ != nullptr || std::find(given.begin(), given.end(), name) == given.end()) offer(name);
    }
  }

  void offer_words(std::initializer_list<const char*> words) {
    for (const char* word : words) offer(word);
  }

  const std::vector<Command>& commands_;
  const std::vector<Flag>& globals_;
  const LookUp& look_up_;
  Parsed parsed_;
  const Flag* value_of_ = nullptr;  ///< The flag whose value is being written.
  std::string typed_;
  std::string prefix_;
  std::string out_;
  int directive_ = kNoFiles;
};

constexpr const char* kBash =
    R"(# bash completion for kubectl-rtgw; `kubectl rtgw` is completed by kubectl's own script.
_kubectl_rtgw() {
    local line=${COMP_LINE:0:COMP_POINT} words=() current out directive candidate skip=
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[-1]}
    out=$("${words[0]}" __complete "${words[@]:1}" 2>/dev/null) || return
    directive=${out##*:}
    # What bash takes for the present word begins behind the last '='.
    [[ $COMP_WORDBREAKS == *=* && $current == *=* ]] && skip=${current%"${current##*=}"}
    while IFS= read -r candidate; do
        candidate=${candidate%%$'\t'*}
        [[ $candidate == "$current"* && $candidate != :* ]] && COMPREPLY+=("${candidate#"$skip"}")
    done <<< "$out"
    (( (directive & 4) == 0 )) && compopt -o default
    return 0
}
complete -F _kubectl_rtgw kubectl-rtgw
)";

constexpr const char* kZsh = R"(#compdef kubectl-rtgw
# zsh completion for kubectl-rtgw; `kubectl rtgw` is completed by kubectl's own script.
_kubectl_rtgw() {
    local out directive line
    local -a answers candidates
    out=$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null) || return
    answers=("${(@f)out}")
    directive=${answers[-1]#:}
    answers[-1]=()
    for line in "${answers[@]}"; do
        line=${line//:/\\:}
        candidates+=("${line/$'\t'/:}")
    done
    if (( directive & 4 )); then
        _describe 'completions' candidates
    else
        _files
    fi
}
compdef _kubectl_rtgw kubectl-rtgw
)";

constexpr const char* kFish =
    R"(# fish completion for kubectl-rtgw; `kubectl rtgw` is completed by kubectl's own script.
function __kubectl_rtgw_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete $words[2..-1] 2>/dev/null | string match -v -r '^:[0-9]+$'
end
complete -c kubectl-rtgw -f -a '(__kubectl_rtgw_complete)'
)";

}  // namespace

std::string complete(const std::vector<std::string>& words, const std::vector<Command>& commands,
                     const std::vector<Flag>& globals, const LookUp& look_up) {
  return Completer(words, commands, globals, look_up).answer();
}

std::string completion_script(const std::string& shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return {};
}

}  // namespace sluice::cli
