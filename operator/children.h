// Keeps the objects beside the pods as they should be: Service, PodDisruptionBudgets, ConfigMap with public keys.
#pragma once

#include <map>
#include <string>

#include "common/kube/client.h"
#include "operator/caches.h"
#include "operator/own_writes.h"
#include "operator/status.h"

namespace sluice::op {

class Children {
 public:
  /// References outlive this.
  Children(kube::Client& client, const Caches& caches, const Clock& clock)
      : client_(client), caches_(caches), writes_(clock) {}

  /// Server-side applies what is absent or has drifted, and nothing else. An object of the same name that was not made
  /// for this gateway (observe.h, may_take) is left alone and reported in `problem`. Errors: the first one; the others
  /// are still tried.
  Status ensure(const std::string& key, const kube::Json& gateway,
                const std::map<std::string, std::string>& public_pems, Problem& problem);
  void forget(const std::string& key) { writes_.forget(key); }

 private:
  Status ensure_one(const std::string& key, const kube::Resource& resource, const kube::Informer& cache,
                    const kube::Json& gateway, const kube::Json& wanted, Problem& problem);

  kube::Client& client_;
  const Caches& caches_;
  ObjectWrites writes_;
};

}  // namespace sluice::op
