// Keeps the ControllerRevisions of a RealtimeGateway: which there should be is decided in revisions.h.
#pragma once

#include <string>
#include <vector>

#include "common/kube/client.h"
#include "operator/caches.h"
#include "operator/own_writes.h"
#include "operator/revisions.h"

namespace sluice::op {

class History {
 public:
  /// References outlive this.
  History(kube::Client& client, const Caches& caches, const Clock& clock)
      : client_(client), caches_(caches), writes_(clock) {}

  /// Those that `gateway` owns, as the cache and our own writes have them; in no order.
  std::vector<Revision> known(const std::string& key, const kube::Json& gateway);

  struct Kept {
    Status status;           ///< The first failure; what could be done is done all the same.
    bool collision = false;  ///< The newest one's name belongs to something else: the hash must be made anew.
  };
  /// Writes and removes what the plan says. The newest revision must stand before a pod is made of it.
  Kept keep(const std::string& key, const kube::Json& gateway, const RevisionPlan& plan);

  void forget(const std::string& key) { writes_.forget(key); }

 private:
  Kept write(const std::string& key, const kube::Json& gateway, const Revision& revision);
  Result<kube::Json> make_anew(const kube::Json& there, const kube::Json& wanted);
  Status remove(const std::string& key, const kube::Json& gateway, const Revision& revision);

  kube::Client& client_;
  const Caches& caches_;
  ObjectWrites writes_;
};

}  // namespace sluice::op
