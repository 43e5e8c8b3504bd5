// Metrics and texts from strangers: no input may crash their readers; what is made of it for a terminal steers nothing
// and fits.
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "cli/fuzz/target.h"
#include "cli/pod_metrics.h"
#include "cli/text_width.h"

namespace sluice::cli {
namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

int fuzz_pod_metrics(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for_each_sample(text, [](const Sample& sample) { expect(!sample.name.empty()); });
  if (const auto metrics = parse_pod_metrics(text)) {
    expect(!std::isnan(metrics->connections) || !metrics->by_protocol.empty());
    const auto p99 = quantile(nullptr, *metrics, 0.99);
    expect(!p99 || std::isfinite(*p99));
  }
  const std::string shown = printable(text);
  for (const char byte : shown) expect(static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7f);
  expect(printable(shown) == shown);
  for (const int width : {0, 1, 2, 7, 80}) expect(display_width(fit(text, width)) <= width);
  return 0;
}

}  // namespace sluice::cli

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::cli::fuzz_pod_metrics(data, size);
}
#endif
