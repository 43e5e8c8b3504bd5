#include "gateway/admin/peers.h"

#include <algorithm>

namespace sluice::gateway {

std::string PeerTable::update(PeerStatus peer) {
  const auto known = by_uid_.find(peer.uid);
  if (known != by_uid_.end()) {
    peers_.splice(peers_.begin(), peers_, known->second);
    std::string before = std::move(peers_.front().status);
    peers_.front() = std::move(peer);
    return before;
  }
  if (peers_.size() == kPeersMax) {
    by_uid_.erase(peers_.back().uid);
    peers_.pop_back();
  }
  peers_.push_front(std::move(peer));
  by_uid_.emplace(peers_.front().uid, peers_.begin());
  return "";
}

std::array<std::size_t, kPeerStatusNames.size()> PeerTable::by_status() const {
  std::array<std::size_t, kPeerStatusNames.size()> counts{};
  for (const PeerStatus& peer : peers_) {
    const auto* name = std::find(kPeerStatusNames.begin(), kPeerStatusNames.end() - 1, peer.status);
    ++counts[static_cast<std::size_t>(name - kPeerStatusNames.begin())];
  }
  return counts;
}

}  // namespace sluice::gateway
