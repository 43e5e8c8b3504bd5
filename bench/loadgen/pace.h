// The pace of a load: how many clients there should be by now, and which connection may be opened next.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "common/base/clock.h"

namespace sluice::loadgen {

/// A number of clients that moves to its goal on a straight line. Threads: one.
class Ramp {
 public:
  /// From what it is at `now` to `goal` over `over`.
  void go(std::uint32_t goal, Duration over, SteadyTime now) {
    from_ = at(now);
    goal_ = goal;
    start_ = now;
    over_ = over;
  }
  [[nodiscard]] std::uint32_t at(SteadyTime now) const {
    if (over_ <= Duration(0) || now >= start_ + over_) return goal_;
    const double share = std::chrono::duration<double>(now - start_) / over_;
    return from_ + static_cast<std::int32_t>((double(goal_) - double(from_)) * share);
  }

 private:
  std::uint32_t from_ = 0, goal_ = 0;
  SteadyTime start_{};
  Duration over_{0};
};

/// Connections that wait for their turn: at most `per_second`, at most `under_way_max` at once, urgent ones first (a
/// client that moves or comes back before one that only starts). Threads: one.
template <typename T>
class ConnectGate {
 public:
  ConnectGate(double per_second, std::size_t under_way_max) : per_second_(per_second), under_way_max_(under_way_max) {}

  void add(const T& what, bool urgent) { (urgent ? urgent_ : patient_).push_back(what); }
  /// The next one whose turn it is; under way until done().
  std::optional<T> take(SteadyTime now) {
    refill(now);
    if (tokens_ < 1.0 || under_way_ >= under_way_max_ || waiting() == 0) return std::nullopt;
    std::deque<T>& from = urgent_.empty() ? patient_ : urgent_;
    const T next = from.front();
    from.pop_front();
    tokens_ -= 1.0;
    ++under_way_;
    return next;
  }
  /// One that was taken has opened or failed.
  void done() { --under_way_; }
  /// Forgets one that waits; false where it is not there.
  bool remove(const T& what) {
    for (std::deque<T>* queue : {&urgent_, &patient_}) {
      const auto at = std::find(queue->begin(), queue->end(), what);
      if (at == queue->end()) continue;
      queue->erase(at);
      return true;
    }
    return false;
  }
  [[nodiscard]] std::size_t waiting() const { return urgent_.size() + patient_.size(); }
  [[nodiscard]] std::size_t under_way() const { return under_way_; }

 private:
  void refill(SteadyTime now) {
    if (last_ != SteadyTime{}) tokens_ += per_second_ * std::chrono::duration<double>(now - last_).count();
    // A tenth of a second's worth may be saved up: the loop does not wake for every token.
    tokens_ = std::min(tokens_, std::max(1.0, per_second_ / 10));
    last_ = now;
  }

  double per_second_;
  std::size_t under_way_max_;
  std::size_t under_way_ = 0;
  double tokens_ = 1.0;
  SteadyTime last_{};
  std::deque<T> urgent_, patient_;
};

}  // namespace sluice::loadgen
