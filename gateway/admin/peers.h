// What the operator has told this gateway of the others of its fleet (POST /admin/v1/node-status): a bounded table, so
// that whoever looks at one gateway's log or metrics sees what the fleet knew, and protocols that talk to peers can
// ask. Threads: one (the admin server's).
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/base/contract.h"

namespace sluice::gateway {

struct PeerStatus {
  std::string pod;
  std::string uid;
  std::string status;  ///< The value of the pod's label sluice.dev/state, or a word of a later operator's.
  int severity = 0;    ///< Of what was heard, 1 to 5; 0 where the peer is well.
};

/// The label `status` of rtgw_peers; everything else counts as the last one, so that no caller makes series.
inline constexpr std::array<const char*, kPodStates.size() + 1> kPeerStatusNames = {
    kStateActive, kStateGray, kStateOffline, kStateDraining, "other"};

class PeerTable {
 public:
  static constexpr std::size_t kPeersMax = 4096;

  /// Takes the newest word on a peer; where the table is full, the peer that was not heard of for the longest time is
  /// forgotten. Answers the status before, "" for a peer that was not known.
  std::string update(PeerStatus peer);
  [[nodiscard]] std::size_t size() const { return peers_.size(); }
  /// Peers by kPeerStatusNames.
  [[nodiscard]] std::array<std::size_t, kPeerStatusNames.size()> by_status() const;

 private:
  std::list<PeerStatus> peers_;  ///< Newest word first.
  std::unordered_map<std::string, std::list<PeerStatus>::iterator> by_uid_;
};

}  // namespace sluice::gateway
