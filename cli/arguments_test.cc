#include "cli/arguments.h"

#include <doctest/doctest.h>

#include "cli/command_table.h"

namespace sluice::cli {
namespace {

Result<Parsed> parse(const std::vector<std::string>& words) {
  return parse_arguments(words, all_commands(), global_flags());
}

/// "status edge | namespace=prod watch=true", flags that hold their fallback left out; or the error.
std::string read(const std::vector<std::string>& words) {
  const auto parsed = parse(words);
  if (!parsed) return parsed.error().message;
  std::string text = parsed->command == nullptr ? "-" : parsed->command->name;
  for (const std::string& argument : parsed->arguments) text += " " + argument;
  text += " |";
  for (const auto& [name, values] : parsed->flags) {
    const Flag* flag = find_flag("--" + name, parsed->command, global_flags());
    if (values.size() == 1 && values.front() == flag->fallback) continue;
    for (const std::string& value : values) text += " " + name + "=" + value;
  }
  return text + (parsed->help ? " help" : "");
}

TEST_CASE("command lines as kubectl reads them") {
  struct Case {
    std::vector<std::string> words;
    const char* read;
  };
  const Case rows[] = {
      {{}, "- |"},
      {{"--help"}, "- | help"},
      {{"status"}, "status |"},
      {{"status", "edge", "-n", "prod", "--watch"}, "status edge | namespace=prod watch=true"},
      {{"-n", "prod", "status", "edge"}, "status edge | namespace=prod"},
      {{"--namespace=prod", "status"}, "status | namespace=prod"},
      {{"status", "-nprod"}, "status | namespace=prod"},
      {{"status", "-n=prod"}, "status | namespace=prod"},
      {{"status", "-Aw"}, "status | all-namespaces=true watch=true"},
      {{"status", "-Awn", "x"}, "status | all-namespaces=true namespace=x watch=true"},
      {{"status", "-ojson"}, "status | output=json"},
      {{"status", "--watch=false"}, "status | watch=false"},
      {{"status", "--", "-odd"}, "status -odd |"},
      {{"status", "-h"}, "status | help"},
      {{"drain", "--help"}, "drain | help"},
      {{"drain", "a", "b", "pod/c"}, "drain a b pod/c |"},
      {{"plan", "edge", "--replicas", "-1"}, "plan edge | replicas=-1"},
      {{"top", "--as", "eve", "--as-group", "a", "--as-group=b"}, "top | as=eve as-group=a as-group=b"},
      {{"rollback", "edge", "--to-revision", "3", "--dry-run=server"}, "rollback edge | dry-run=server to-revision=3"},
      {{"status", "--kubeconfig", "/tmp/x", "--context=c", "--cluster", "k", "--user", "u", "-s", "https://h",
        "--token", "t", "--insecure-skip-tls-verify", "--request-timeout", "3s"},
       "status | cluster=k context=c insecure-skip-tls-verify=true kubeconfig=/tmp/x request-timeout=3s "
       "server=https://h token=t user=u"},
      {{"fly"}, "unknown command \"fly\" for \"kubectl rtgw\""},
      {{"status", "--nope"}, "unknown flag: --nope"},
      {{"status", "--to-revision=1"}, "unknown flag: --to-revision"},
      {{"status", "-wx"}, "unknown shorthand flag: 'x' in -wx"},
      {{"plan", "edge", "--replicas"}, "flag needs an argument: --replicas"},
      {{"status", "-n"}, "flag needs an argument: 'n' in -n"},
      {{"status", "--watch=maybe"}, "invalid argument \"maybe\" for \"--watch\" flag: true or false is wanted"},
      {{"pause"}, "pause: NAME is missing"},
      {{"pause", "a", "b"}, "pause: \"b\" is one argument too many"},
      {{"completion"}, "completion: SHELL is missing"},
  };
  for (const Case& row : rows) {
    CAPTURE(row.read);
    CHECK(read(row.words) == row.read);
  }
}

TEST_CASE("names with and without their type") {
  CHECK(gateway_argument("edge").value() == "edge");
  CHECK(gateway_argument("rtgw/edge").value() == "edge");
  CHECK(gateway_argument("realtimegateways.sluice.dev/edge").value() == "edge");
  CHECK(pod_argument("pod/edge-x").value() == "edge-x");
  CHECK(pod_argument("po/edge-x").value() == "edge-x");
  for (const char* word : {"", "svc/edge", "rtgw/", "rtgw/a/b", "pod/edge"}) {
    CAPTURE(word);
    CHECK_FALSE(gateway_argument(word).ok());
  }
  CHECK(pod_argument("rtgw/x").error().message == "\"rtgw/x\": a Pod is wanted, and \"rtgw\" is something else");
}

TEST_CASE("formats, dry runs and durations") {
  const auto output = [](const std::vector<std::string>& words) { return output_of(parse(words).value()); };
  CHECK(output({"status"}).value() == Output::kTable);
  CHECK(output({"status", "-o", "wide"}).value() == Output::kWide);
  CHECK(output({"pause", "e", "-o", "name"}).value() == Output::kName);
  CHECK(output({"top", "-o", "wide"}).error().message ==
        "unable to match a printer suitable for the output format \"wide\", allowed formats are: json,yaml");
  const auto dry = [](const char* how) {
    return dry_run_of(parse({"pause", "e", std::string("--dry-run=") + how}).value());
  };
  CHECK(dry("server").value());
  CHECK_FALSE(dry("none").value());
  CHECK_FALSE(dry("client").ok());
  CHECK_FALSE(dry("yes").ok());
  CHECK_FALSE(dry_run_of(parse({"pause", "e"}).value()).value());
  CHECK(duration_of(parse({"top"}).value(), "interval", 100ms).value() == 1s);
  CHECK_FALSE(duration_of(parse({"top", "--interval", "1ms"}).value(), "interval", 100ms).ok());
  CHECK_FALSE(duration_of(parse({"top", "--interval", "soon"}).value(), "interval", 100ms).ok());
}

TEST_CASE("every command has help that names its flags") {
  CHECK(help_text(nullptr).find("rollback") != std::string::npos);
  for (const Command& command : all_commands()) {
    CAPTURE(command.name);
    const std::string help = help_text(&command);
    CHECK(help.find(std::string("kubectl rtgw ") + command.name) != std::string::npos);
    for (const Flag& flag : command.flags) CHECK(help.find(std::string("--") + flag.name) != std::string::npos);
    CHECK(help.find("--namespace") != std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::cli
