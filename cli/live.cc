#include "cli/live.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "cli/error_text.h"
#include "cli/pod_metrics.h"
#include "common/base/contract.h"

namespace sluice::cli {
namespace {

Result<PodMetrics> ask(kube::Client& client, const kube::Json& pod) {
  const Result<std::string> text =
      client.proxy_get(kube::namespace_of(pod), kube::name_of(pod), kMetricsPort, "/metrics",
                       {.timeout = kAskTimeout, .bytes_max = kMetricsBytesMax});
  if (!text) return text.error();
  auto metrics = parse_pod_metrics(*text);
  if (!metrics)
    return Error{ErrorCode::kInvalid,
                 "what answers on port 9902 of pod " + std::string(kube::name_of(pod)) + " is no gateway"};
  return *std::move(metrics);
}

}  // namespace

LiveAnswer ask_pods(kube::Client& client, const Clock& clock, const std::vector<kube::Object>& pods) {
  std::vector<kube::Object> asked;
  std::copy_if(pods.begin(), pods.end(), std::back_inserter(asked),
               [](const kube::Object& pod) { return can_be_asked(*pod); });
  LiveAnswer answer;
  answer.asked = asked.size();
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < asked.size(); i = next++) {
      Result<PodMetrics> metrics = ask(client, *asked[i]);
      const SteadyTime at = clock.steady();
      const std::lock_guard lock(mutex);
      if (metrics) {
        answer.figures[std::string(kube::uid_of(*asked[i]))] = {*std::move(metrics), at};
      } else if (answer.failure.empty()) {
        answer.failure = error_text(metrics.error());
      }
    }
  };
  std::vector<std::thread> workers;
  for (std::size_t i = 1; i < std::min(asked.size(), kAskedAtOnceMax); ++i) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
  return answer;
}

std::vector<kube::Object> whom_to_ask(const std::vector<kube::Object>& pods, std::size_t others_max,
                                      std::size_t& cursor) {
  std::vector<kube::Object> chosen;
  std::vector<kube::Object> others;
  for (const kube::Object& pod : pods) {
    const bool drains = !kube::annotation_of(*pod, kDrainAnnotation).empty();
    (drains ? chosen : others).push_back(pod);
  }
  for (std::size_t i = 0; i < std::min(others_max, others.size()); ++i)
    chosen.push_back(others[cursor++ % others.size()]);
  return chosen;
}

}  // namespace sluice::cli
