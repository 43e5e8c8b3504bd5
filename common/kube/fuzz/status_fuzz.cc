// An answer's Status, or whatever a proxy sends in its place: it becomes an error of one bounded line. The first byte
// picks the HTTP status.
#include <string>

#include "common/kube/client.h"
#include "common/kube/fuzz/target.h"

namespace sluice::kube {

int fuzz_status(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const int http_status = 300 + data[0] * 2;
  const Error error = error_from_status(http_status, fuzz::text_of(data + 1, size - 1), "GET /x");
  fuzz::expect(error.message.starts_with("GET /x: ") && error.message.size() < 1100);
  fuzz::expect(!error.retry_after ||
               (*error.retry_after > Duration(0) && *error.retry_after <= Duration(http::kRetryAfterMax)));
  return 0;
}

}  // namespace sluice::kube

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::kube::fuzz_status(data, size);
}
#endif
