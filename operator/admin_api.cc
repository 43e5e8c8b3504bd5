#include "operator/admin_api.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

namespace sluice::op {

std::vector<Result<GatewayState>> call_all(AdminApi& api, std::vector<AdminCall> calls) {
  struct Gathered {
    std::mutex mutex;
    std::condition_variable complete;
    std::vector<std::optional<Result<GatewayState>>> answers;
    std::size_t missing = 0;
  };
  const auto gathered = std::make_shared<Gathered>();
  gathered->answers.resize(calls.size());
  gathered->missing = calls.size();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    api.call(std::move(calls[i]), [gathered, i](Result<GatewayState> answer) {
      const std::lock_guard lock(gathered->mutex);
      gathered->answers[i] = std::move(answer);
      if (--gathered->missing == 0) gathered->complete.notify_all();
    });
  }
  std::unique_lock lock(gathered->mutex);
  gathered->complete.wait(lock, [&] { return gathered->missing == 0; });
  std::vector<Result<GatewayState>> answers;
  for (auto& answer : gathered->answers) answers.push_back(std::move(*answer));
  return answers;
}

}  // namespace sluice::op
