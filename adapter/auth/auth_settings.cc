#include "adapter/auth/auth_settings.h"

#include <nlohmann/json.hpp>

#include "common/base/text.h"
#include "common/kube/resource.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

// A list stands in the ConfigMap as JSON text: ["X-Remote-User"].
Status read_list(const Json& data, const char* key, bool header, std::vector<std::string>& out) {
  const std::string text = kube::text_at(data, (std::string("/") + key).c_str());
  if (text.empty()) return {};
  const Json list = Json::parse(text, nullptr, false);
  const Error wrong{ErrorCode::kInvalid, std::string(kAuthConfigName) + ": " + key + " is no list of strings"};
  if (list.is_null()) return {};
  if (!list.is_array()) return wrong;
  for (const Json& item : list) {
    if (!item.is_string()) return wrong;
    out.push_back(header ? lower(item.get<std::string>()) : item.get<std::string>());
  }
  return {};
}

}  // namespace

Result<AuthSettings> read_auth_settings(const Json& config_map) {
  const Json& data = kube::at_pointer(config_map, "/data");
  AuthSettings out;
  out.client_ca_pem = kube::text_at(data, "/client-ca-file");
  out.request_header_ca_pem = kube::text_at(data, "/requestheader-client-ca-file");
  for (const Status& bad : {read_list(data, "requestheader-allowed-names", false, out.allowed_names),
                            read_list(data, "requestheader-username-headers", true, out.username_headers),
                            read_list(data, "requestheader-uid-headers", true, out.uid_headers),
                            read_list(data, "requestheader-group-headers", true, out.group_headers),
                            read_list(data, "requestheader-extra-headers-prefix", true, out.extra_prefixes)}) {
    if (!bad) return bad.error();
  }
  if (!out.request_header_ca_pem.empty() && out.username_headers.empty()) {
    return Error{ErrorCode::kInvalid, std::string(kAuthConfigName) +
                                          ": requestheader-username-headers is empty, though there is a front proxy"};
  }
  return out;
}

}  // namespace sluice::adapter
