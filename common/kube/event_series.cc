#include "common/kube/event_series.h"

#include <algorithm>

namespace sluice::kube {

bool EventSeries::allowed(const std::string& object, SteadyTime now) {
  Bucket* bucket = buckets_.find(object);
  if (bucket == nullptr) bucket = &buckets_.add(object, Bucket{.tokens = kBurst, .last = now});
  const double refilled = std::chrono::duration<double>(now - bucket->last) / std::chrono::duration<double>(kRefill);
  bucket->tokens = std::min<double>(kBurst, bucket->tokens + refilled);
  bucket->last = now;
  if (bucket->tokens < 1.0) return false;
  bucket->tokens -= 1.0;
  return true;
}

EventSeries::Decision EventSeries::decide(const std::string& alike, const std::string& object,
                                          std::string_view new_name, SteadyTime now) {
  if (!allowed(object, now)) return {.kind = Decision::Kind::kDrop};
  if (Series* series = series_.find(alike); series != nullptr) {
    if (now - series->last < kSeriesGap) {
      series->last = now;
      return {.kind = Decision::Kind::kCount, .name = series->name, .count = ++series->count};
    }
    series_.erase(alike);
  }
  series_.add(alike, {.name = std::string(new_name), .count = 1, .last = now});
  return {.kind = Decision::Kind::kCreate, .name = std::string(new_name)};
}

void EventSeries::forget(const std::string& alike) {
  series_.erase(alike);
}

}  // namespace sluice::kube
