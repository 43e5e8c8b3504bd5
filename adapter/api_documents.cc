#include "adapter/api_documents.h"

#include <nlohmann/json.hpp>

#include "adapter/metric_request.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

Json group_version(const std::string& version) {
  return {{"groupVersion", std::string(kApiGroup) + "/" + version}, {"version", version}};
}

Json group() {
  Json versions = Json::array();
  for (const char* version : kVersions) versions.push_back(group_version(version));
  return {{"name", kApiGroup}, {"versions", versions}, {"preferredVersion", group_version(kVersions[0])}};
}

Json entry(const std::string& name, bool namespaced) {
  return {{"name", name},
          {"singularName", ""},
          {"namespaced", namespaced},
          {"kind", "MetricValueList"},
          {"verbs", Json::array({"get"})}};
}

}  // namespace

std::string render_group_list() {
  return Json{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", Json::array({group()})}}.dump();
}

std::string render_group() {
  Json out = group();
  out["kind"] = "APIGroup";
  out["apiVersion"] = "v1";
  return out.dump();
}

std::string render_resources(std::string_view version, const MetricIndex& index) {
  Json resources = Json::array();
  for (const auto& [key, source] : index) {
    resources.push_back(entry(key.resource.text() + "/" + key.metric, source.namespaced));
  }
  if (resources.empty()) resources.push_back(entry("namespaces/no_series_found_in_prometheus", false));
  const Json list{{"kind", "APIResourceList"},
                  {"apiVersion", "v1"},
                  {"groupVersion", std::string(kApiGroup) + "/" + std::string(version)},
                  {"resources", std::move(resources)}};
  return list.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string render_server_version() {
  const std::string version = SLUICE_VERSION;
  const std::size_t dot = version.find('.');
  return Json{{"major", version.substr(0, dot)},
              {"minor", version.substr(dot + 1, version.find('.', dot + 1) - dot - 1)},
              {"gitVersion", "v" + version},
              {"platform", "linux"}}
      .dump();
}

}  // namespace sluice::adapter
