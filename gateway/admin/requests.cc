#include "gateway/admin/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "common/base/duration_text.h"
#include "gateway/protocols/json_text.h"

namespace sluice::gateway {
namespace {

using nlohmann::json;

constexpr std::size_t kReasonBytesMax = 256;
constexpr std::size_t kIdBytesMax = 128;
constexpr std::size_t kNameBytesMax = 253;
constexpr double kRateMax = 1e9;
constexpr std::int64_t kHintJitterMsMax = 86'400'000;
constexpr std::int64_t kCountMax = 4'000'000;  ///< As many connections as limits.connections allows at most.
constexpr std::int64_t kSeverityMax = 5;

/// An object whose fields are asked for one by one; the first that is wrong makes the error.
class Fields {
 public:
  explicit Fields(std::string_view body) {
    std::string error;
    if (parse_json_object(body, object_, error)) return;
    object_ = json::object();
    fail(std::move(error));
  }

  std::string text(const char* name, std::size_t bytes_max, bool (*allowed)(unsigned char), const char* rule) {
    const json value = object_.value(name, json());
    if (!value.is_string()) return fail(name, rule);
    auto text = value.get<std::string>();
    if (text.empty() || text.size() > bytes_max || !std::all_of(text.begin(), text.end(), allowed)) fail(name, rule);
    return text;
  }
  std::int64_t integer(const char* name, std::int64_t least, std::int64_t most, const json& otherwise,
                       const char* rule) {
    const json value = object_.value(name, otherwise);
    if (value.is_number_integer() && value >= least && value <= most) return value.get<std::int64_t>();
    fail(name, rule);
    return least;
  }
  double rate() {
    const json value = object_.value("ratePerSecond", json());
    if (value.is_number() && value.get<double>() >= 0 && value.get<double>() <= kRateMax) return value.get<double>();
    fail("ratePerSecond", "must be a number from 0 to 1e9");
    return 0;
  }
  std::uint16_t close_code() {
    const json value = object_.value("closeCode", json(1012));
    if (value == 1001 || value == 1012 || value == 1013) return value.get<std::uint16_t>();
    fail("closeCode", "must be 1001, 1012 or 1013");
    return 1012;
  }
  Duration hint_jitter() {
    return Duration(integer("hintJitterMs", 0, kHintJitterMsMax, 0, "must be an integer from 0 to 86400000"));
  }
  [[nodiscard]] const json& object() const { return object_; }

  std::string fail(const char* name, const char* rule) { return fail(std::string(name) + " " + rule); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  std::string fail(std::string sentence) {
    if (!error_) error_ = Error{ErrorCode::kInvalid, std::move(sentence)};
    return "";
  }

  json object_ = json::object();
  std::optional<Error> error_;
};

bool printable(unsigned char c) {
  return c > ' ' && c < 0x7f;
}

bool of_a_name(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
}

constexpr const char* kNameRule = "must be 1 to 253 letters, digits, dots, dashes and underscores";

}  // namespace

Result<DrainRequest> parse_drain_request(std::string_view body) {
  Fields fields(body);
  DrainRequest request;
  const json reason = fields.object().value("reason", json());
  if (reason.is_string()) {
    request.reason = reason.get<std::string>().substr(0, kReasonBytesMax);
  } else {
    fields.fail("reason", "must be a string");
  }
  const json deadline = fields.object().value("deadline", json());
  const auto parsed = deadline.is_string() ? parse_rfc3339(deadline.get_ref<const std::string&>()) : std::nullopt;
  if (parsed) {
    request.deadline = *parsed;
  } else {
    fields.fail("deadline", "must be an RFC 3339 time");
  }
  request.rate = fields.rate();
  request.close_code = fields.close_code();
  request.hint_jitter = fields.hint_jitter();
  if (fields.error()) return *fields.error();
  return request;
}

Result<ShedRequest> parse_shed_request(std::string_view body) {
  Fields fields(body);
  ShedRequest request;
  request.id = fields.text("id", kIdBytesMax, printable, "must be 1 to 128 printable ASCII characters without blanks");
  request.count =
      static_cast<std::size_t>(fields.integer("count", 0, kCountMax, json(), "must be an integer from 0 to 4000000"));
  request.rate = fields.rate();
  request.close_code = fields.close_code();
  request.hint_jitter = fields.hint_jitter();
  if (fields.error()) return *fields.error();
  return request;
}

Result<PeerStatus> parse_node_status(std::string_view body) {
  Fields fields(body);
  PeerStatus peer;
  peer.pod = fields.text("pod", kNameBytesMax, of_a_name, kNameRule);
  peer.uid = fields.text("uid", kNameBytesMax, of_a_name, kNameRule);
  peer.status = fields.text("status", kNameBytesMax, of_a_name, kNameRule);
  peer.severity =
      static_cast<int>(fields.integer("severity", 0, kSeverityMax, json(), "must be an integer from 0 to 5"));
  if (fields.error()) return *fields.error();
  return peer;
}

}  // namespace sluice::gateway
