#include "cli/look_up.h"

#include "cli/revisions.h"
#include "common/base/contract.h"

namespace sluice::cli {
namespace {

using kube::Json;

std::vector<std::string> names_of(const Result<Json>& list) {
  std::vector<std::string> names;
  if (!list) return names;
  for (const Json& item : (*list)["items"]) names.emplace_back(kube::name_of(item));
  return names;
}

std::vector<std::string> revision_numbers(kube::Client& client, const std::string& ns, const Parsed& parsed) {
  std::vector<std::string> numbers;
  if (parsed.arguments.empty()) return numbers;
  const auto name = gateway_argument(parsed.arguments.front());
  if (!name) return numbers;
  const Result<Json> gateway = client.get(kube::kRealtimeGateways, ns, *name);
  const Result<Json> list = client.list(kube::kControllerRevisions, ns, {.label_selector = gateway_selector(*name)});
  if (!gateway || !list) return numbers;
  const std::vector<Json> objects((*list)["items"].begin(), (*list)["items"].end());
  for (const RevisionView& revision : revisions_of(*gateway, objects))
    numbers.push_back(std::to_string(revision.number));
  return numbers;
}

}  // namespace

std::vector<std::string> look_up_names(kube::Client& client, Values values, const Parsed& parsed) {
  const std::string& ns = client.default_namespace();
  switch (values) {
    case Values::kGateway:
      return names_of(client.list(kube::kRealtimeGateways, ns));
    case Values::kPod:
      return names_of(client.list(kube::kPods, ns, {.label_selector = kGatewayLabel}));
    case Values::kNamespace:
      return names_of(client.list(kube::kNamespaces, ""));
    case Values::kRevision:
      return revision_numbers(client, ns, parsed);
    default:
      return {};
  }
}

}  // namespace sluice::cli
