#include "cli/completion.h"

#include <doctest/doctest.h>

#include <sstream>

#include "cli/command_table.h"

namespace sluice::cli {
namespace {

/// Candidates without descriptions, joined by blanks, then the directive.
std::string offered(const std::vector<std::string>& words) {
  const LookUp cluster = [](Values values, const Parsed& parsed) -> std::vector<std::string> {
    if (values == Values::kNamespace) return {"default", "prod"};
    if (parsed.text("namespace") == "empty") return {};
    if (values == Values::kGateway) return {"edge", "edge-b", "other"};
    if (values == Values::kPod) return {"edge-11111", "edge-22222"};
    if (values == Values::kRevision)
      return parsed.arguments == std::vector<std::string>{"edge"} ? std::vector<std::string>{"1", "2"}
                                                                  : std::vector<std::string>{};
    return {};
  };
  std::istringstream lines(complete(words, all_commands(), global_flags(), cluster));
  std::string out;
  for (std::string line; std::getline(lines, line);) out += (out.empty() ? "" : " ") + line.substr(0, line.find('\t'));
  return out;
}

TEST_CASE("what may come next") {
  struct Case {
    std::vector<std::string> words;
    const char* offered;
  };
  const Case rows[] = {
      {{"st"}, "status :4"},
      {{"-n", "prod", "re"}, "resume :4"},
      {{"status", ""}, "edge edge-b other :4"},
      {{"status", "ed"}, "edge edge-b :4"},
      {{"status", "-n", "empty", ""}, ":4"},
      {{"status", "edge", ""}, ":4"},
      {{"status", "-n", "p"}, "prod :4"},
      {{"status", "--namespace=p"}, "--namespace=prod :4"},
      {{"status", "-o", ""}, "json yaml wide :4"},
      {{"pause", "edge", "-o", "n"}, "name :4"},
      {{"pause", "edge", "--dry-run="}, "--dry-run=none --dry-run=server :4"},
      {{"drain", ""}, "edge-11111 edge-22222 :4"},
      {{"drain", "edge-11111", ""}, "edge-22222 :4"},
      {{"rollback", "edge", "--to-revision", ""}, "1 2 :4"},
      {{"rollback", "--to-revision", ""}, ":4"},
      {{"completion", "z"}, "zsh :4"},
      {{"events", "--types", "W"}, "Warning :4"},
      {{"status", "--kubeconfig", ""}, ":0"},
      {{"plan", "edge", "--rep"}, "--replicas :4"},
      {{"plan", "--replicas", "3", "--rep"}, ":4"},
      {{"status", "--as-group", "a", "--as-g"}, "--as-group :4"},
      {{"fly", ""}, "plan status top drain undrain pause resume promote rollback history events completion version :4"},
  };
  for (const Case& row : rows) {
    CAPTURE(row.offered);
    CHECK(offered(row.words) == row.offered);
  }
  CHECK(complete({"st"}, all_commands(), global_flags(), nullptr).find("\tWhat the fleet does") != std::string::npos);
}

TEST_CASE("scripts of three shells") {
  CHECK(completion_script("bash").find("complete -F") != std::string::npos);
  CHECK(completion_script("zsh").find("#compdef kubectl-rtgw") == 0);
  CHECK(completion_script("fish").find("complete -c kubectl-rtgw") != std::string::npos);
  CHECK(completion_script("tcsh").empty());
}

}  // namespace
}  // namespace sluice::cli
