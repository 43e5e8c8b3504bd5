// The body of PUT /admin/v1/drain: no input may crash its parser, and what it takes keeps to the bounds that the drain
// relies on.
#include <cstdint>
#include <string>

#include "gateway/admin/requests.h"
#include "gateway/fuzz/target.h"

namespace sluice::gateway {

int fuzz_drain_request(const std::uint8_t* data, std::size_t size) {
  const auto request = parse_drain_request(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!request) {
    fuzz::expect(request.error().code == ErrorCode::kInvalid && !request.error().message.empty());
    return 0;
  }
  fuzz::expect(request->rate >= 0 && request->rate <= 1e9);
  fuzz::expect(request->close_code == 1001 || request->close_code == 1012 || request->close_code == 1013);
  fuzz::expect(request->hint_jitter >= Duration::zero() && request->hint_jitter <= 24h);
  fuzz::expect(request->reason.size() <= 256);
  // A drain takes it, whatever its deadline is, and no wait lies beyond that.
  ManualClock clock;
  DrainController drain(clock);
  drain.start(*request, 1000);
  const ReleaseView view = drain.view();
  fuzz::expect(view.deadline >= clock.steady() && view.spread <= view.deadline - clock.steady());
  fuzz::expect(drain.take(1000, clock.steady()) <= 1000);
  fuzz::expect(drain.report(1000, 1000)->eta_seconds >= 0);
  return 0;
}

}  // namespace sluice::gateway

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::gateway::fuzz_drain_request(data, size);
}
#endif
