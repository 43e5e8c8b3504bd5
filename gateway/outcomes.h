// What a gateway's totals call success. The operator compares these ratios of a canary with those of the pods that stay
// (docs/design/0002-operator.md, "Rollout"), so a number here answers one question: did this build do for its clients
// what they asked for? Noise that every pod meets (scanners, bad networks) is in both and cancels out. Pure.
//
// Handshakes. Each accepted socket ends in one HandshakeResult; of these
//   ok      kOk.
//   failed  The client asked properly, or could not get so far because of us:
//           - kRefused for want of room or by admission, cut or told 503. That is load, but a build whose handshakes
//           cost
//             more meets it first, and no other number would show it. A canary that stops for it in vain can be
//             promoted; one that goes on takes the fleet's strength to let clients in.
//           - kTimeout of a client that had begun to speak. One that never sent a byte is a probe.
//           - kTlsFailed: most of all a client that does not take our certificate. What is no TLS at all is noise.
//           - kDisconnected of a client that had to wait for its admission: it lost patience with us. (Where its
//           request
//             had come already it is upgraded all the same, and then ends abnormally.)
//   neither kRefused by a drain (the operator has ordered it, and the next pod answers), kBadRequest, kNotFound, and
//           kDisconnected of a client that did not wait: health checks of balancers do so all day.
//
// Closes. Each upgraded connection that ends is one of
//   clean     both sides' close frames were exchanged, and what the first one said is no complaint: the client's own
//   1000,
//             1001, a code of its application (3000 to 4999) or none (a browser's close()), or ours by a drain, a shed
//             or the application.
//   abnormal  all others: reset, end of the stream, a violation, a lost heartbeat, a slow consumer, a client that tells
//   us
//             of a violation of ours (1002 to 1011), and a client that did not answer our close frame and was cut.
#pragma once

#include <cstdint>

#include "gateway/stats.h"

namespace sluice::gateway {

struct HandshakeFacts {
  bool draining = false;  ///< Refused because of a drain.
  bool spoke = false;     ///< At least one byte had come.
  bool waited = false;    ///< Admission had made it wait.
};
/// Whether a handshake counts as failed.
[[nodiscard]] bool handshake_failed(HandshakeResult result, const HandshakeFacts& facts);

/// Whether a client that closes first with `code` (kCloseNoStatus where it gave none) has nothing to complain of.
[[nodiscard]] bool client_leaves_content(std::uint16_t code);
/// `agreed`: the client's close frame came, in answer to ours or by itself with a code that is no complaint.
[[nodiscard]] bool close_is_clean(CloseCause cause, bool agreed);

/// `totals` of GET /admin/v1/state, since the process began.
struct Totals {
  std::int64_t handshakes_ok = 0;
  std::int64_t handshakes_failed = 0;
  std::int64_t closes_clean = 0;
  std::int64_t closes_abnormal = 0;
  // No protocol of this gateway can resume a session yet: there is nothing to count, and the operator's gate for it has
  // too few samples.
  std::int64_t resumes_ok = 0;
  std::int64_t resumes_failed = 0;

  /// Adds what a shard has counted.
  void add(const ShardStats& stats);
};

}  // namespace sluice::gateway
