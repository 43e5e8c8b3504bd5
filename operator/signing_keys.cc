#include "operator/signing_keys.h"

#include "common/base/log.h"
#include "common/kube/base64.h"

namespace sluice::op {
namespace {

Result<SigningKey> key_in(const kube::Json& secret, const std::string& ns) {
  const std::string where = "Secret " + ns + "/" + kSigningSecret + ", field " + kSigningSecretField;
  const kube::Json& data = kube::at_pointer(secret, "/data");
  const auto field = data.is_object() ? data.find(kSigningSecretField) : data.end();
  if (!data.is_object() || field == data.end() || !field->is_string()) {
    return Error{ErrorCode::kInvalid,
                 where + ": absent; delete the Secret and restart the operator to have it made anew"};
  }
  const auto pem = kube::base64_decode(field->get_ref<const std::string&>());
  if (!pem) return Error{ErrorCode::kInvalid, where + ": no base64"};
  Result<SigningKey> key = SigningKey::from_pem(*pem);
  if (!key) return key.error().in(where);
  return key;
}

}  // namespace

Result<SigningKey> ensure_signing_key(kube::Client& client, const std::string& ns) {
  Result<kube::Json> secret = client.get(kube::kSecrets, ns, kSigningSecret);
  if (secret) return key_in(*secret, ns);
  if (secret.error().code != ErrorCode::kNotFound) return secret.error();

  Result<SigningKey> key = SigningKey::generate();
  if (!key) return key;
  Result<kube::Json> created =
      client.create(kube::kSecrets, ns,
                    {{"apiVersion", "v1"},
                     {"kind", "Secret"},
                     {"metadata", {{"name", kSigningSecret}, {"namespace", ns}}},
                     {"type", "Opaque"},
                     {"data", {{kSigningSecretField, kube::base64_encode(key->private_pem())}}}});
  if (created) {
    log_info("signing key made", {{"secret", ns + "/" + kSigningSecret}, {"key", key->id()}});
    return key;
  }
  if (created.error().code != ErrorCode::kConflict) return created.error();
  secret = client.get(kube::kSecrets, ns, kSigningSecret);
  if (!secret) return secret.error();
  return key_in(*secret, ns);
}

}  // namespace sluice::op
