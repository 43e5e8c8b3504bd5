// The lines of a watch: no input may crash the decoder, and what comes in pieces is what comes whole. The first byte
// says how long the pieces are.
#include <algorithm>
#include <string>

#include "common/kube/fuzz/target.h"
#include "common/kube/watch_decoder.h"

namespace sluice::kube {

namespace {

/// The events as text, and how it ended.
std::string decode(std::string_view bytes, std::size_t piece) {
  WatchDecoder decoder;
  std::string told;
  const auto sink = [&](WatchEvent event) {
    fuzz::expect(event.object.is_object());
    told += std::to_string(static_cast<int>(event.type)) +
            event.object.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  };
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    const Status fed = decoder.feed(bytes.substr(0, piece), sink);
    if (fed) continue;
    fuzz::expect(fed.error().code == ErrorCode::kUnavailable && !fed.error().message.empty());
    return told + fed.error().message;
  }
  return told + (decoder.at_event_start() ? "end" : "inside a line");
}

}  // namespace

int fuzz_watch_decoder(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text_of(data + 1, size - 1);
  fuzz::expect(decode(bytes, data[0] == 0 ? 1 : data[0]) == decode(bytes, std::max<std::size_t>(1, bytes.size())));
  return 0;
}

}  // namespace sluice::kube

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::kube::fuzz_watch_decoder(data, size);
}
#endif
