// The admin API (docs/design/0001-main-job.md, "Admin API"; 0002-operator.md, "Admin API, additions"): GET
// /admin/v1/state, PUT and DELETE /admin/v1/drain and /admin/v1/shed, POST /admin/v1/node-status, each with a token of
// common/base/ed25519_jwt.h whose audience is this pod's UID. Threads: the admin server's.
#pragma once

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ed25519_jwt.h"
#include "gateway/admin/gateway_control.h"
#include "gateway/admin/key_folder.h"
#include "gateway/websocket/http_request.h"
#include "gateway/websocket/http_response.h"

namespace sluice::gateway {

class AdminApi {
 public:
  /// `control` and `clock` outlive the API. `keys_dir` may be empty: then every call is answered 401.
  AdminApi(GatewayControl& control, const Clock& clock, std::string keys_dir, std::string pod_uid,
           ReadKeyFolder read = read_key_folder);

  [[nodiscard]] HttpResponse handle(const HttpRequest& request);
  /// Reads the folder's *.pem files again; files that hold no key are logged and left out. Where the folder cannot be
  /// read the keys stay what they are; one that is read and empty leaves none.
  void reload_keys();

 private:
  [[nodiscard]] Status authenticate(const HttpRequest& request) const;
  [[nodiscard]] HttpResponse put_drain(const HttpRequest& request);
  [[nodiscard]] HttpResponse delete_drain();
  [[nodiscard]] HttpResponse put_shed(const HttpRequest& request);
  [[nodiscard]] HttpResponse delete_shed();
  [[nodiscard]] HttpResponse post_node_status(const HttpRequest& request);
  [[nodiscard]] HttpResponse state();

  GatewayControl& control_;
  const Clock& clock_;
  const std::string keys_dir_;
  const std::string pod_uid_;
  const ReadKeyFolder read_;
  VerificationKeys keys_;
  std::vector<KeyFile> keys_seen_;  ///< What the folder held at the last look: only changes are acted upon.
  std::string trouble_;             ///< Why it could not be read, said once.
};

}  // namespace sluice::gateway
