#include "adapter/prometheus_answer.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/kube/resource.h"

namespace sluice::adapter {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMessageBytesMax = 400;

// One line, short enough for an HPA's condition.
std::string shortened(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  if (text.size() > kMessageBytesMax) text = text.substr(0, kMessageBytesMax) + "...";
  return text;
}

std::string printable(std::string_view body) {
  std::string out = shortened(std::string(body.substr(0, kMessageBytesMax)));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return out;
}

ErrorCode classify(int http_status, const std::string& error_type) {
  if (http_status == 401 || http_status == 403) return ErrorCode::kDenied;
  if (error_type == "timeout" || error_type == "canceled" || error_type == "unavailable")
    return ErrorCode::kUnavailable;
  if (http_status == 429 || http_status >= 500) return ErrorCode::kUnavailable;
  return ErrorCode::kInvalid;
}

// The failure that an answer reports, if it does.
std::optional<Error> failure_of(int http_status, const Json& answer, std::string_view body) {
  if (http_status / 100 == 2 && answer.is_object() && kube::text_at(answer, "/status") == "success")
    return std::nullopt;
  const std::string type = answer.is_object() ? kube::text_at(answer, "/errorType") : "";
  const std::string text = answer.is_object() ? kube::text_at(answer, "/error") : "";
  const ErrorCode code = classify(http_status, type);
  if (!type.empty()) return Error{code, "Prometheus answers " + type + ": " + shortened(text)};
  if (http_status / 100 == 2) return Error{ErrorCode::kInvalid, "Prometheus' answer is not of its API"};
  return Error{code, "Prometheus answers HTTP " + std::to_string(http_status) + ": " + printable(body)};
}

// "1.5", "NaN", "+Inf", "-Inf": Prometheus writes values as strings, since JSON has no such numbers.
std::optional<double> read_number(const Json& value) {
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  double number = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<VectorElement> read_element(const Json& entry) {
  const Json& metric = kube::at_pointer(entry, "/metric");
  const Json& value = kube::at_pointer(entry, "/value");
  if (!metric.is_object() || !value.is_array() || value.size() != 2 || !value[0].is_number()) return std::nullopt;
  const auto number = read_number(value[1]);
  if (!number) return std::nullopt;
  VectorElement out;
  for (const auto& [label, text] : metric.items()) {
    if (!text.is_string()) return std::nullopt;
    out.labels.emplace(label, text.get_ref<const std::string&>());
  }
  out.value = *number;
  return out;
}

// Takes {"data":[{label:value,...},...]} apart while it is read: half a million series never stand in memory as JSON.
class SeriesSax final : public nlohmann::json_sax<Json> {
 public:
  [[nodiscard]] SeriesNames take() { return std::move(names_); }
  [[nodiscard]] const std::string& status() const { return status_; }
  [[nodiscard]] bool has_data() const { return has_data_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& value) override {
    if (depth_ == 1 && key_ == "status") status_ = value;
    if (in_data_ && depth_ == 3 && key_ == "__name__") name_ = value;
    return true;
  }
  bool key(string_t& name) override {
    key_ = name;
    if (depth_ == 1) in_data_ = name == "data";
    if (in_data_ && depth_ == 3 && name != "__name__") labels_.push_back(name);
    return true;
  }
  bool start_object(std::size_t) override {
    ++depth_;
    if (in_data_ && depth_ == 3) {
      labels_.clear();
      name_.clear();
    }
    return true;
  }
  bool end_object() override {
    if (in_data_ && depth_ == 3 && !name_.empty()) {
      auto& known = names_[name_];
      for (std::string& label : labels_) known.insert(std::move(label));
    }
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    ++depth_;
    has_data_ = has_data_ || (in_data_ && depth_ == 2);
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  int depth_ = 0;  // 1 in the answer, 2 in data, 3 in a series
  bool in_data_ = false;
  bool has_data_ = false;
  std::string key_;
  std::string status_;
  std::string name_;
  std::vector<std::string> labels_;
  SeriesNames names_;
};

}  // namespace

const std::string& VectorElement::label(const std::string& name) const {
  static const std::string kNone;
  const auto found = labels.find(name);
  return found == labels.end() ? kNone : found->second;
}

Result<std::vector<VectorElement>> read_vector(int http_status, std::string_view body) {
  const Json answer = Json::parse(body, nullptr, false);
  if (auto failure = failure_of(http_status, answer, body)) return *failure;
  const std::string type = kube::text_at(answer, "/data/resultType");
  if (type != "vector") {
    return Error{ErrorCode::kInvalid, "Prometheus answers a " + (type.empty() ? "nothing" : shortened(type)) +
                                          " where the rule's query should make a vector"};
  }
  const Json& result = kube::at_pointer(answer, "/data/result");
  const Error odd{ErrorCode::kInvalid, "Prometheus' answer is not of its API"};
  if (!result.is_array()) return odd;
  std::vector<VectorElement> out;
  out.reserve(result.size());
  for (const Json& entry : result) {
    auto element = read_element(entry);
    if (!element) return odd;
    out.push_back(std::move(*element));
  }
  return out;
}

Result<SeriesNames> read_series(int http_status, std::string_view body) {
  if (http_status / 100 == 2) {
    SeriesSax sax;
    if (Json::sax_parse(body, &sax) && sax.status() == "success" && sax.has_data()) return sax.take();
  }
  const Json answer = http_status / 100 == 2 ? Json() : Json::parse(body, nullptr, false);
  const auto failure = failure_of(http_status, answer, body);
  return failure ? *failure : Error{ErrorCode::kInvalid, "Prometheus' answer is not of its API"};
}

}  // namespace sluice::adapter
