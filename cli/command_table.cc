#include "cli/command_table.h"

#include <algorithm>

#include "cli/text_width.h"

namespace sluice::cli {
namespace {

const Flag kAll{.name = "all-namespaces", .letter = 'A', .help = "in every namespace"};
const Flag kOutput{
    .name = "output", .letter = 'o', .placeholder = "FORMAT", .help = "json or yaml", .values = Values::kOutput};
const Flag kOutputWide{.name = "output",
                       .letter = 'o',
                       .placeholder = "FORMAT",
                       .help = "json, yaml or wide",
                       .values = Values::kOutputOrWide};
const Flag kOutputName{.name = "output",
                       .letter = 'o',
                       .placeholder = "FORMAT",
                       .help = "json, yaml or name: what has been changed",
                       .values = Values::kOutputOrName};
const Flag kDryRun{.name = "dry-run",
                   .placeholder = "HOW",
                   .fallback = "none",
                   .help = "server: the API server does everything but keep it; or none",
                   .values = Values::kDryRun};
const Flag kWatch{.name = "watch", .letter = 'w', .help = "go on until interrupted"};

std::vector<Command> make_commands() {
  return {
      {.name = "plan",
       .arguments = "[NAME]",
       .summary = "What a number of replicas would bring, before anything happens",
       .description = "Which pods would go, in what order and why, how long it would take within the reconnect budget, "
                      "and whether the\n"
                      "others can carry their connections. The leading operator answers, with what it knows: the "
                      "decision is made by the\n"
                      "code that would carry it out. Nothing is changed.",
       .examples = "  # Before the fleet shrinks to 8 pods\n  kubectl rtgw plan edge --replicas 8\n",
       .arguments_max = 1,
       .values = Values::kGateway,
       .flags = {{.name = "replicas",
                  .placeholder = "N",
                  .help = "pods wanted; as spec.replicas has it where it is not given"},
                 {.name = "operator-namespace",
                  .placeholder = "NAME",
                  .fallback = "sluice-system",
                  .help = "where the operator's Lease is",
                  .values = Values::kNamespace},
                 kOutput}},
      {.name = "status",
       .arguments = "[NAME]",
       .summary = "What the fleet does, pod by pod; live with --watch",
       .description = "What each RealtimeGateway is doing, why, until when, and what blocks it; and a line a pod, with "
                      "what its gateway\n"
                      "counts now and how far its drain is. With --watch it is drawn anew in place on a terminal; "
                      "elsewhere what has changed\n"
                      "is appended.",
       .examples = "  kubectl rtgw status edge --watch\n  kubectl rtgw status -A\n",
       .arguments_max = 1,
       .values = Values::kGateway,
       .flags = {kWatch,
                 {.name = "interval",
                  .placeholder = "TIME",
                  .fallback = "2s",
                  .help = "between two looks at the gateways' figures, with --watch"},
                 kAll,
                 kOutputWide}},
      {.name = "top",
       .arguments = "[NAME]",
       .summary = "Connections, messages, handshakes, queues and memory of each pod",
       .description = "Rates are over --interval: the gateways are asked twice.",
       .examples = "  kubectl rtgw top edge\n  kubectl rtgw top -A --sort-by memory\n",
       .arguments_max = 1,
       .values = Values::kGateway,
       .flags = {{.name = "interval",
                  .placeholder = "TIME",
                  .fallback = "1s",
                  .help = "between the two looks that rates are made of"},
                 {.name = "sort-by",
                  .placeholder = "COLUMN",
                  .fallback = "name",
                  .help = "name, connections, messages, handshakes or memory"},
                 kAll,
                 kOutput}},
      {.name = "drain",
       .arguments = "POD...",
       .summary = "Replace pods, then move their connections away",
       .description = "Adds the pods to spec.scaleDown.podsToDrain of their RealtimeGateway: each is replaced first "
                      "and then drained within\n"
                      "the reconnect budget. spec.replicas stays as it is. With a scale-down under way they go first.",
       .examples = "  kubectl rtgw drain edge-4bz7k\n",
       .arguments_min = 1,
       .arguments_max = 100,
       .values = Values::kPod,
       .flags = {kDryRun, kOutputName}},
      {.name = "undrain",
       .arguments = "POD...",
       .summary = "Ask no more for pods to be drained",
       .description = "Takes the pods out of spec.scaleDown.podsToDrain. Pods that are gone may be named, too.",
       .examples = "  kubectl rtgw undrain edge-4bz7k\n",
       .arguments_min = 1,
       .arguments_max = 100,
       .values = Values::kPod,
       .flags = {kDryRun, kOutputName}},
      {.name = "pause",
       .arguments = "NAME",
       .summary = "Let a rollout stand still",
       .description = "Sets spec.paused: no pod is made of a newer template or goes for it. Scaling goes on.",
       .examples = "  kubectl rtgw pause edge\n",
       .arguments_min = 1,
       .arguments_max = 1,
       .values = Values::kGateway,
       .flags = {kDryRun, kOutputName}},
      {.name = "resume",
       .arguments = "NAME",
       .summary = "Let a rollout go on",
       .description = "Unsets spec.paused.",
       .examples = "  kubectl rtgw resume edge\n",
       .arguments_min = 1,
       .arguments_max = 1,
       .values = Values::kGateway,
       .flags = {kDryRun, kOutputName}},
      {.name = "promote",
       .arguments = "NAME",
       .summary = "End the present canary step, whatever its gates say",
       .description = "Writes the annotation sluice.dev/promote with the revision and the step that the status shows: "
                      "a step that has moved on\n"
                      "meanwhile is not promoted.",
       .examples = "  kubectl rtgw promote edge\n",
       .arguments_min = 1,
       .arguments_max = 1,
       .values = Values::kGateway,
       .flags = {kDryRun, kOutputName}},
      {.name = "rollback",
       .arguments = "NAME",
       .summary = "Go back to a former template",
       .description = "Writes spec.template as the former revision, or the one named, has it. Pods are replaced as in "
                      "any rollout: within\n"
                      "surge and budget, each drained.",
       .examples = "  kubectl rtgw rollback edge\n  kubectl rtgw rollback edge --to-revision 3\n",
       .arguments_min = 1,
       .arguments_max = 1,
       .values = Values::kGateway,
       .flags = {{.name = "to-revision",
                  .placeholder = "N",
                  .fallback = "0",
                  .help = "its number in `kubectl rtgw history`; 0: the one before the present",
                  .values = Values::kRevision},
                 kDryRun,
                 kOutputName}},
      {.name = "history",
       .arguments = "NAME",
       .summary = "Revisions of the template that can be gone back to",
       .description = "With --revision the template of one.",
       .examples = "  kubectl rtgw history edge\n  kubectl rtgw history edge --revision 3\n",
       .arguments_min = 1,
       .arguments_max = 1,
       .values = Values::kGateway,
       .flags = {{.name = "revision",
                  .placeholder = "N",
                  .fallback = "0",
                  .help = "shows this one's template",
                  .values = Values::kRevision},
                 kOutput}},
      {.name = "events",
       .arguments = "[NAME]",
       .summary = "Events of gateways and their pods, in the order of time",
       .description = "",
       .examples = "  kubectl rtgw events edge --watch\n  kubectl rtgw events --types Warning\n",
       .arguments_max = 1,
       .values = Values::kGateway,
       .flags = {kWatch,
                 kAll,
                 {.name = "types",
                  .placeholder = "TYPES",
                  .help = "only these: Normal, Warning",
                  .values = Values::kEventType},
                 kOutput}},
      {.name = "completion",
       .arguments = "SHELL",
       .summary = "The completion script of bash, zsh or fish",
       .description = "`kubectl rtgw <TAB>` is completed by kubectl's own script, where kubectl_complete-rtgw is in "
                      "$PATH beside this program.",
       .examples = "  source <(kubectl-rtgw completion bash)\n  kubectl-rtgw completion zsh > "
                   "\"${fpath[1]}/_kubectl-rtgw\"\n  kubectl-rtgw completion fish | source\n",
       .arguments_min = 1,
       .arguments_max = 1,
       .values = Values::kShell,
       .needs_cluster = false},
      {.name = "version",
       .arguments = "",
       .summary = "The version of this program",
       .description = "",
       .examples = "",
       .flags = {kOutput},
       .needs_cluster = false},
  };
}

void add_flags(const std::vector<Flag>& flags, std::string& out) {
  std::size_t widest = 0;
  const auto left_of = [](const Flag& flag) {
    std::string left = flag.letter != 0 ? std::string("-") + flag.letter + ", " : "    ";
    left += std::string("--") + flag.name;
    if (!flag.is_switch()) left += std::string(" ") + flag.placeholder;
    return left;
  };
  for (const Flag& flag : flags) widest = std::max(widest, left_of(flag).size());
  for (const Flag& flag : flags) {
    out += "  " + pad(left_of(flag), static_cast<int>(widest) + 2) + flag.help;
    if (flag.fallback[0] != '\0') out += std::string(" (") + flag.fallback + ")";
    if (flag.repeats) out += "; may be repeated";
    out += "\n";
  }
}

}  // namespace

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = make_commands();
  return commands;
}

const std::vector<Flag>& global_flags() {
  static const std::vector<Flag> flags = {
      {.name = "namespace",
       .letter = 'n',
       .placeholder = "NAME",
       .help = "instead of the context's",
       .values = Values::kNamespace},
      {.name = "context", .placeholder = "NAME", .help = "of the kubeconfig, instead of the current one"},
      {.name = "cluster", .placeholder = "NAME", .help = "of the kubeconfig"},
      {.name = "user", .placeholder = "NAME", .help = "of the kubeconfig"},
      {.name = "kubeconfig",
       .placeholder = "FILE",
       .help = "instead of $KUBECONFIG and ~/.kube/config",
       .values = Values::kFile},
      {.name = "server", .letter = 's', .placeholder = "URL", .help = "of the API server"},
      {.name = "token", .placeholder = "TOKEN", .help = "a bearer token"},
      {.name = "certificate-authority",
       .placeholder = "FILE",
       .help = "roots that the server's certificate is checked by",
       .values = Values::kFile},
      {.name = "tls-server-name", .placeholder = "NAME", .help = "that the server's certificate is checked for"},
      {.name = "insecure-skip-tls-verify", .help = "whoever answers is taken for the server"},
      {.name = "as", .placeholder = "USER", .help = "with this user's rights instead of your own"},
      {.name = "as-uid", .placeholder = "UID", .help = "with --as"},
      {.name = "as-group", .placeholder = "GROUP", .help = "with --as", .repeats = true},
      {.name = "request-timeout", .placeholder = "TIME", .fallback = "0", .help = "of each call; 0 for its own"},
  };
  return flags;
}

std::string help_text(const Command* command) {
  std::string out;
  if (command == nullptr) {
    out =
        "Shows and steers fleets of realtime gateways (Sluice).\n\nUsage:\n  kubectl rtgw COMMAND "
        "[flags]\n\nCommands:\n";
    for (const Command& each : all_commands()) out += "  " + pad(each.name, 12) + each.summary + "\n";
    out += "\nFlags of all commands:\n";
    add_flags(global_flags(), out);
    return out + "\nUse \"kubectl rtgw COMMAND --help\" for more about a command.\n";
  }
  out = std::string(command->summary) + ".\n";
  if (command->description[0] != '\0') out += std::string("\n") + command->description + "\n";
  if (command->examples[0] != '\0') out += std::string("\nExamples:\n") + command->examples;
  const std::string arguments = command->arguments[0] == '\0' ? "" : std::string(" ") + command->arguments;
  out += std::string("\nUsage:\n  kubectl rtgw ") + command->name + arguments + " [flags]\n";
  if (!command->flags.empty()) {
    out += "\nFlags:\n";
    add_flags(command->flags, out);
  }
  out += "\nFlags of all commands:\n";
  add_flags(global_flags(), out);
  return out;
}

}  // namespace sluice::cli
