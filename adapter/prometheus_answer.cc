#include "adapter/prometheus_answer.h"

#include <algorithm>
#include <array>
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
// A failure that is longer comes from no Prometheus, and is shown as it begins.
constexpr std::size_t kFailureBytesMax = 64u << 10;
// What an element of a vector is at least as long as, seldom less: a guess, so that the list need not grow.
constexpr std::size_t kElementBytes = 64;

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

// The failure that an answer reports. An answer that reports none is not what was asked for.
Error failure_of(int http_status, std::string_view body) {
  const Json answer = body.size() <= kFailureBytesMax ? Json::parse(body, nullptr, false) : Json();
  const std::string type = answer.is_object() ? kube::text_at(answer, "/errorType") : "";
  const std::string text = answer.is_object() ? kube::text_at(answer, "/error") : "";
  const ErrorCode code = classify(http_status, type);
  if (!type.empty()) return {code, "Prometheus answers " + type + ": " + shortened(text)};
  if (http_status / 100 == 2) return {ErrorCode::kInvalid, "Prometheus' answer is not of its API"};
  return {code, "Prometheus answers HTTP " + std::to_string(http_status) + ": " + printable(body)};
}

Error too_many(std::size_t most, const char* remedy) {
  return {ErrorCode::kInvalid, "Prometheus answers more than " + std::to_string(most) + " series: " + remedy};
}

// "1.5", "NaN", "+Inf", "-Inf": Prometheus writes values as strings, since JSON has no such numbers.
std::optional<double> read_number(const std::string& text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "+Inf" || text == "Inf") return std::numeric_limits<double>::infinity();
  if (text == "-Inf") return -std::numeric_limits<double>::infinity();
  double number = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (bad != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Takes an answer apart while it is read, so that it never stands in memory as JSON, which takes ten times its text.
class AnswerSax : public nlohmann::json_sax<Json> {
 public:
  [[nodiscard]] bool success() const { return status_ == "success"; }

  bool null() override { return scalar(nullptr, false); }
  bool boolean(bool) override { return scalar(nullptr, false); }
  bool number_integer(number_integer_t) override { return scalar(nullptr, true); }
  bool number_unsigned(number_unsigned_t) override { return scalar(nullptr, true); }
  bool number_float(number_float_t, const string_t&) override { return scalar(nullptr, true); }
  bool binary(binary_t&) override { return false; }
  bool string(string_t& text) override { return scalar(&text, false); }
  bool key(string_t& name) override {
    if (depth_ < kDepths) keys_[depth_] = name;
    named(name);
    return true;
  }
  bool start_object(std::size_t) override { return start(true); }
  bool start_array(std::size_t) override { return start(false); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 protected:
  // 1 in the answer, 2 in its data, and so on.
  [[nodiscard]] std::size_t depth() const { return depth_; }
  // The field at `depth` that is being read; "" in a list.
  [[nodiscard]] const std::string& key_at(std::size_t depth) const { return keys_[depth]; }

  virtual void named(const std::string&) {}
  virtual void begins(bool is_object) = 0;
  virtual void found(const std::string* text, bool is_number) = 0;  // a value; `text` is null where it is no string
  virtual bool ends() = 0;                                          // false ends the reading

 private:
  static constexpr std::size_t kDepths = 7;

  bool start(bool is_object) {
    if (++depth_ < kDepths) keys_[depth_].clear();
    begins(is_object);
    return true;
  }
  bool end() {
    const bool goes_on = ends();
    --depth_;
    return goes_on;
  }
  bool scalar(const std::string* text, bool is_number) {
    if (depth_ == 1 && keys_[1] == "status" && text != nullptr) status_ = *text;
    found(text, is_number);
    return true;
  }

  std::size_t depth_ = 0;
  std::array<std::string, kDepths> keys_;
  std::string status_;
};

// {"data":[{label:value,...},...]}
class SeriesSax final : public AnswerSax {
 public:
  explicit SeriesSax(std::size_t series_max) : left_(series_max) {}
  [[nodiscard]] SeriesNames take() { return std::move(names_); }
  [[nodiscard]] bool has_data() const { return has_data_; }
  [[nodiscard]] bool too_many() const { return too_many_; }

 private:
  [[nodiscard]] bool in_series() const { return depth() == 3 && key_at(1) == "data"; }

  void named(const std::string& name) override {
    if (in_series() && name != "__name__") labels_.push_back(name);
  }
  void begins(bool is_object) override {
    has_data_ = has_data_ || (depth() == 2 && key_at(1) == "data" && !is_object);
    if (!in_series()) return;
    labels_.clear();
    name_.clear();
  }
  void found(const std::string* text, bool) override {
    if (in_series() && text != nullptr && key_at(3) == "__name__") name_ = *text;
  }
  bool ends() override {
    if (!in_series()) return true;
    too_many_ = left_ == 0;
    if (too_many_) return false;
    --left_;
    if (name_.empty()) return true;
    auto& known = names_[name_];
    for (std::string& label : labels_) known.insert(std::move(label));
    return true;
  }

  std::size_t left_;
  bool has_data_ = false;
  bool too_many_ = false;
  std::string name_;
  std::vector<std::string> labels_;
  SeriesNames names_;
};

// {"data":{"resultType":"vector","result":[{"metric":{label:value,...},"value":[time,"value"]},...]}}
class VectorSax final : public AnswerSax {
 public:
  VectorSax(const KeptLabels& labels, std::size_t elements_max, std::size_t expected)
      : labels_(labels), elements_max_(elements_max) {
    elements_.reserve(std::min(expected, elements_max));
  }
  [[nodiscard]] std::vector<VectorElement> take() { return std::move(elements_); }
  [[nodiscard]] const std::string& type() const { return type_; }
  [[nodiscard]] bool good() const { return has_result_ && !odd_; }
  [[nodiscard]] bool too_many() const { return elements_.size() > elements_max_; }

 private:
  [[nodiscard]] bool in_result() const { return depth() >= 3 && key_at(1) == "data" && key_at(2) == "result"; }
  // Fields that we do not know may hold anything.
  [[nodiscard]] bool in_known() const { return depth() > 3 && (key_at(4) == "metric" || key_at(4) == "value"); }
  [[nodiscard]] bool in_metric() const { return depth() == 5 && key_at(4) == "metric"; }
  [[nodiscard]] bool in_value() const { return depth() == 5 && key_at(4) == "value"; }

  void begins(bool is_object) override {
    if (!in_result()) return;
    if (depth() == 3) has_result_ = !is_object;
    if (depth() == 4) {
      odd_ = odd_ || !is_object;
      element_ = {};
      has_metric_ = false;
      value_parts_ = 0;
    }
    if (in_metric()) has_metric_ = is_object;
    if (in_value()) odd_ = odd_ || is_object;
    odd_ = odd_ || (in_known() && depth() > 5);
  }
  void found(const std::string* text, bool is_number) override {
    if (depth() == 2 && key_at(1) == "data" && key_at(2) == "resultType" && text != nullptr) type_ = *text;
    if (!in_result()) return;
    if (in_metric() && text != nullptr) {
      if (key_at(5) == labels_.object) element_.object = *text;
      if (key_at(5) == labels_.part) element_.part = *text;
    } else if (in_value() && value_parts_ == 0 && is_number) {
      ++value_parts_;
    } else if (in_value() && value_parts_ == 1 && text != nullptr && read_value(*text)) {
      ++value_parts_;
    } else if (depth() == 3 || in_known()) {
      odd_ = true;
    }
  }
  bool ends() override {
    if (!in_result() || depth() != 4) return true;
    odd_ = odd_ || !has_metric_ || value_parts_ != 2;
    if (!odd_) elements_.push_back(std::move(element_));
    return !too_many();
  }
  bool read_value(const std::string& text) {
    const auto number = read_number(text);
    if (number) element_.value = *number;
    return number.has_value();
  }

  const KeptLabels& labels_;
  const std::size_t elements_max_;
  std::string type_;
  bool has_result_ = false;
  bool odd_ = false;  // not what the API promises of a vector
  bool has_metric_ = false;
  int value_parts_ = 0;
  VectorElement element_;
  std::vector<VectorElement> elements_;
};

}  // namespace

Result<std::vector<VectorElement>> read_vector(int http_status, std::string_view body, const KeptLabels& labels,
                                               std::size_t elements_max) {
  if (http_status / 100 != 2) return failure_of(http_status, body);
  VectorSax sax(labels, elements_max, body.size() / kElementBytes);
  const bool whole = Json::sax_parse(body, &sax);
  if (sax.too_many()) return too_many(elements_max, kOneValueEach);
  if (!whole || !sax.success()) return failure_of(http_status, body);
  if (sax.type() != "vector") {
    return Error{ErrorCode::kInvalid, "Prometheus answers a " +
                                          (sax.type().empty() ? "nothing" : shortened(sax.type())) +
                                          " where the rule's query should make a vector"};
  }
  if (!sax.good()) return failure_of(http_status, body);
  return sax.take();
}

Result<SeriesNames> read_series(int http_status, std::string_view body, std::size_t series_max) {
  if (http_status / 100 != 2) return failure_of(http_status, body);
  SeriesSax sax(series_max);
  const bool whole = Json::sax_parse(body, &sax);
  if (sax.too_many()) return too_many(series_max, kNarrowSeriesQuery);
  if (!whole || !sax.success() || !sax.has_data()) return failure_of(http_status, body);
  return sax.take();
}

}  // namespace sluice::adapter
