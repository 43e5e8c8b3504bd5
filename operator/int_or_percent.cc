#include "operator/int_or_percent.h"

#include <charconv>
#include <cstdint>

namespace sluice::op {

IntOrPercent IntOrPercent::parse(const kube::Json& value, IntOrPercent otherwise) {
  if (value.is_number_integer()) return pods(value.get<int>());
  if (!value.is_string()) return otherwise;
  const auto& text = value.get_ref<const std::string&>();
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end + 1 == text.data() + text.size() && *end == '%';
  return whole && number >= 0 ? percent(number) : otherwise;
}

int IntOrPercent::of(int replicas, Round round) const {
  if (!is_percent_) return value_;
  const std::int64_t hundredfold = static_cast<std::int64_t>(value_) * replicas;
  return static_cast<int>((hundredfold + (round == Round::kUp ? 99 : 0)) / 100);
}

kube::Json IntOrPercent::json() const {
  if (is_percent_) return std::to_string(value_) + "%";
  return value_;
}

}  // namespace sluice::op
