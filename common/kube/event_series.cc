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

bool EventSeries::too_many_similar(const EventKeys& keys, SteadyTime now) {
  Similar* similar = similar_.find(keys.similar);
  if (similar == nullptr) similar = &similar_.add(keys.similar, Similar{.notes = {}, .since = now});
  if (now - similar->since >= kSimilarInterval) *similar = Similar{.notes = {}, .since = now};
  if (similar->notes.contains(keys.alike)) return false;
  if (similar->notes.size() >= kSimilarMax) return true;
  similar->notes.insert(keys.alike);
  return false;
}

EventSeries::Decision EventSeries::decide(const EventKeys& keys, std::string_view new_name, SteadyTime now) {
  using Kind = Decision::Kind;
  if (!allowed(keys.object, now)) return {.kind = Kind::kDrop};
  const bool combined = too_many_similar(keys, now);
  const std::string& key = combined ? keys.similar : keys.alike;
  if (Series* series = series_.find(key); series != nullptr) {
    if (now - series->last < kSeriesGap) {
      series->last = now;
      return {
          .kind = Kind::kCount, .name = series->name, .count = ++series->count, .combined = combined, .series = key};
    }
    series_.erase(key);
  }
  series_.add(key, {.name = std::string(new_name), .count = 1, .last = now});
  return {.kind = Kind::kCreate, .name = std::string(new_name), .combined = combined, .series = key};
}

void EventSeries::forget(const std::string& series) {
  series_.erase(series);
}

}  // namespace sluice::kube
