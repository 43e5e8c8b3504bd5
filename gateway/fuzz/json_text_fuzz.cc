// JSON from strangers: no input may crash the parser or overflow the stack, and what it takes can be written and read
// again, which is what a published message goes through.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "gateway/fuzz/target.h"
#include "gateway/protocols/json_text.h"

namespace sluice::gateway {

int fuzz_json_text(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  nlohmann::json object;
  std::string error;
  const bool taken = parse_json_object(text, object, error);
  fuzz::expect(taken == error.empty());
  if (!taken) return 0;
  fuzz::expect(object.is_object());
  const std::string written = json_text(object);
  nlohmann::json again;
  fuzz::expect(parse_json_object(written, again, error));
  fuzz::expect(json_text(again) == written);
  return 0;
}

}  // namespace sluice::gateway

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::gateway::fuzz_json_text(data, size);
}
#endif
