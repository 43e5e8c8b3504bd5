#include "cli/output.h"

#include "cli/yaml.h"

namespace sluice::cli {

using kube::Json;

void print_object(Terminal& terminal, const Json& object, Output output) {
  if (output == Output::kYaml) {
    terminal.write(to_yaml(object));
  } else {
    terminal.write(object.dump(4, ' ', false, Json::error_handler_t::replace) + "\n");
  }
}

Json list_of(std::vector<Json> items) {
  return {{"apiVersion", "v1"}, {"kind", "List"}, {"metadata", {{"resourceVersion", ""}}}, {"items", std::move(items)}};
}

}  // namespace sluice::cli
