// What a credential plugin answers, and what it complains about: nothing of it may break a header, and a complaint is
// one bounded line without the secret of its environment.
#include <algorithm>
#include <string>

#include "common/kube/exec_credential.h"
#include "common/kube/fuzz/target.h"

namespace sluice::kube {

namespace {

constexpr const char* kSecret = "hunter2 hunter2";

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

int fuzz_exec_credential(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const Result<ExecCredential> credential = parse_exec_credential(text, "client.authentication.k8s.io/v1");
  if (credential) {
    fuzz::expect(!credential->token.empty() || !credential->cert_pem.empty());
    fuzz::expect(!has_control(credential->token));
    fuzz::expect(credential->cert_pem.empty() == credential->key_pem.empty());
  } else {
    fuzz::expect(credential.error().code == ErrorCode::kInvalid && credential.error().message.size() < 200);
  }
  const std::string shown = without_secrets(text, {.env = {{"PASSWORD", kSecret}}});
  fuzz::expect(shown.size() <= 1024 && !has_control(shown) && shown.find(kSecret) == std::string::npos);
  return 0;
}

}  // namespace sluice::kube

#ifdef SLUICE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return sluice::kube::fuzz_exec_credential(data, size);
}
#endif
