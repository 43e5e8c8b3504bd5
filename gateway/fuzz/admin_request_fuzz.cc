// The bodies of PUT /admin/v1/shed and POST /admin/v1/node-status: no input may crash their parsers, and what they take
// keeps to the bounds that pacing, log and peer table rely on. (PUT /admin/v1/drain: drain_request_fuzz.cc.)
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/admin/peers.h"
#include "gateway/admin/requests.h"
#include "gateway/drain/controller.h"
#include "gateway/fuzz/target.h"

namespace sluice::gateway {
namespace {

template <typename Request>
bool taken(const Result<Request>& request) {
  if (request) return true;
  fuzz::expect(request.error().code == ErrorCode::kInvalid && !request.error().message.empty());
  return false;
}

/// One word of a log line.
bool is_word(const std::string& text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

void try_shed(const ShedRequest& request) {
  fuzz::expect(is_word(request.id, 128));
  fuzz::expect(request.count <= 4'000'000);
  fuzz::expect(request.rate >= 0 && request.rate <= 1e9);
  fuzz::expect(request.close_code == 1001 || request.close_code == 1012 || request.close_code == 1013);
  fuzz::expect(request.hint_jitter >= Duration::zero() && request.hint_jitter <= 24h);
  // It releases no more than it was asked to, and no more than there are.
  ManualClock clock;
  DrainController controller(clock);
  fuzz::expect(controller.start_shed(request, 1000).ok());
  fuzz::expect(controller.view().spread <= request.hint_jitter);
  std::size_t released = 0;
  for (int i = 0; i < 3; ++i) {
    released += controller.take(1000, clock.steady());
    clock.advance(1s);
  }
  fuzz::expect(released <= std::min<std::size_t>(request.count, 1000));
  const auto report = controller.shed_report(1000 - released, 0);
  fuzz::expect(report && report->initial == std::min<std::size_t>(request.count, 1000));
  fuzz::expect(report->remaining == report->initial - released);
  fuzz::expect(controller.view().spent == (report->remaining == 0));
}

void try_peer(const PeerStatus& peer) {
  fuzz::expect(is_word(peer.pod, 253) && is_word(peer.uid, 253) && is_word(peer.status, 253));
  fuzz::expect(peer.severity >= 0 && peer.severity <= 5);
  PeerTable table;
  fuzz::expect(table.update(peer).empty());
  fuzz::expect(table.update(peer) == peer.status);
  fuzz::expect(table.size() == 1);
}

}  // namespace

int fuzz_admin_request(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto shed = parse_shed_request(body); taken(shed)) try_shed(*shed);
  if (const auto peer = parse_node_status(body); taken(peer)) try_peer(*peer);
  return 0;
}

}  // namespace sluice::gateway

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::gateway::fuzz_admin_request(data, size);
}
#endif
