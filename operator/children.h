// Keeps the objects beside the pods as they should be: Service, PodDisruptionBudgets, ConfigMap with public keys.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
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
  void forget(const std::string& key);

 private:
  /// What the children are made of and how the cache shows them: where it is what was last found in order, it still is.
  struct Seen {
    std::string uid;
    std::int64_t generation = 0;
    std::map<std::string, std::string> public_pems;
    std::array<kube::Object, 4> objects;

    bool operator==(const Seen&) const = default;
  };
  [[nodiscard]] Seen look(const kube::Json& gateway, const std::map<std::string, std::string>& public_pems) const;
  /// Answers whether the object was found as it should be, by the cache alone.
  Result<bool> ensure_one(const std::string& key, const kube::Resource& resource, const kube::Informer& cache,
                          const kube::Json& gateway, const kube::Json& wanted, Problem& problem);
  Status drop_max_unavailable(const kube::Resource& resource, const kube::Json& present, const kube::Json& wanted);

  kube::Client& client_;
  const Caches& caches_;
  ObjectWrites writes_;
  std::mutex mutex_;
  std::map<std::string, Seen> in_order_;  ///< By the RealtimeGateway's key.
};

}  // namespace sluice::op
