#include "adapter/api_read.h"

#include <nlohmann/json.hpp>

namespace sluice::adapter {

Result<nlohmann::json> read_api(kube::Client& client, const std::string& path, Duration time_limit) {
  const std::size_t query = path.find('?');
  const std::string limit = "timeout=" + std::to_string(time_limit.count()) + "ms";
  const auto response = client.raw("GET", path + (query == std::string::npos ? "?" : "&") + limit);
  const std::string what = "GET " + path.substr(0, query);
  if (!response) return response.error();
  if (response->status != 200) return kube::error_from_status(response->status, response->body, what);
  auto body = nlohmann::json::parse(response->body, nullptr, false);
  if (!body.is_object()) return Error{ErrorCode::kUnavailable, what + ": the answer is no JSON object"};
  return body;
}

}  // namespace sluice::adapter
