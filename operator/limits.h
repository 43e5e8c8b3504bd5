// Every bound of the operator in one place, and how they relate.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/clock.h"

namespace sluice::op {

/// States are asked of gateways at most so often, all gateways together (SPEC.md, admin API).
inline constexpr int kPollsPerSecondMax = 50;
/// One state after another, never two at once, so that no window of a second holds more than the rate.
inline constexpr Duration kPollSpacing{1000 / kPollsPerSecondMax};
/// How often a state is asked for while the pod drains, while it may become a victim, while a canary step is judged by
/// it, and otherwise.
inline constexpr Duration kPollDraining{500};
inline constexpr Duration kPollCandidate{100};
inline constexpr Duration kPollCanary{1'000};
/// Once a pod does not answer, or is on its way back into the fleet, or is being relieved of connections.
inline constexpr Duration kPollWatched{1'000};
/// Answers of pods that are watched are looked at together, once in this time.
inline constexpr Duration kWatchedLook{200};
inline constexpr Duration kPollOther{5'000};
/// Pods that join a fleet wait for their first turn as long as it takes to ask the whole fleet, but no longer: while
/// hundreds come, their machines and ours have better to do. Those of a fleet that is asked in a second do not wait.
inline constexpr Duration kNewcomersPatienceMax{20'000};
/// A fleet whose pods have all said once more what they had said before rests: of all fleets at rest together no more
/// states than these are asked for a second, one of each fleet in turn, until an answer differs.
inline constexpr int kRestingPollsPerSecondMax = 3;
inline constexpr int kRestingAfterMax = 16;  ///< Of a large fleet so many answers in a row are enough.
inline constexpr Duration kRestingSpacing{(1000 + kRestingPollsPerSecondMax - 1) / kRestingPollsPerSecondMax};
/// A call to a gateway's admin API ends after it.
inline constexpr Duration kAdminTimeout{2'000};
/// Calls to admin APIs under way at once; more wait. Polls that hang must not keep drains from their turn.
inline constexpr int kAdminCallsMax = 64;

/// A state older than this chooses no victim and proves no pod empty.
inline constexpr Duration kStateFresh{2'000};
/// So many pods with the fewest known connections are asked again before victims are chosen among them: one less at
/// most, so that there is a runner-up. More victims are chosen in the next round.
inline constexpr int kVictimCandidatesMax = 32;
/// A RealtimeGateway whose candidates have been asked for so long without a choice lets the next one have its turn.
inline constexpr Duration kCandidateTurnMax{10'000};
/// Polls of pods that are no candidates under way at once: gateways that hang leave room for every candidate.
inline constexpr int kOtherPollsMax = kAdminCallsMax - kVictimCandidatesMax;
/// The reconnect budget's throttle (budget.h) takes one step in it: receivers are asked how slow they are as often.
inline constexpr Duration kThrottleEvery = kPollOther;
/// A gateway that did not answer is asked again for its drain after it.
inline constexpr Duration kAdminRetry{1'000};

/// Pods made by one reconcile; the next one goes on.
inline constexpr int kCreatesPerReconcileMax = 500;
/// After the API server has refused a pod no pod of that gateway is made for so long; each refusal doubles it.
inline constexpr Duration kCreateHoldFirst{250};
inline constexpr Duration kCreateHoldMax{30'000};
/// Writes to the API server under way at once in one reconcile: with fewer the scheduler and the kubelets, who answer
/// each pod, have the API server for themselves, and pods are made one by one; more come no sooner.
inline constexpr int kWritesInParallelMax = 64;
/// A pod that failed is replaced no sooner than so long after it was made, so that a node that refuses pods does not
/// cause a loop of creates and deletes.
inline constexpr Duration kReplaceDelay{10'000};
/// A pod of a former revision with less than one in so many of its connections left is not taken back.
inline constexpr std::int64_t kNearlyDone = 10;
/// The cache normally shows our own write within milliseconds; after this long it is believed over our memory.
inline constexpr Duration kOwnWriteMemory{300'000};

/// Pods of one RealtimeGateway that are asked for their states more often because something may be the matter with
/// them.
inline constexpr int kWatchedMax = 16;
/// So many missed polls are worth severity 2.
inline constexpr int kMissedPolls = 3;
/// A pod that is out is probed no more often, and a probe takes no longer.
inline constexpr Duration kProbeEvery{2'000};
inline constexpr Duration kProbeTimeout{2'000};
/// Probes under way at once, and those that wait; a probe beyond them is made another time.
inline constexpr int kProbesInParallelMax = 4;
inline constexpr std::size_t kProbesWaitingMax = 64;
/// An interval of gray traffic is a quarter of healing.observe, within these bounds.
inline constexpr Duration kGrayIntervalMin{1'000};
inline constexpr Duration kGrayIntervalMax{30'000};
/// Gray traffic grows while no more of an interval's handshakes fail.
inline constexpr int kGrayFailuresPercentMax = 1;
/// What gateways are told of their peers: calls under way at once, and those that wait; more are dropped.
inline constexpr int kBroadcastsInParallelMax = 8;
inline constexpr std::size_t kBroadcastsWaitingMax = 65'536;
/// `status.offline` lists so many at most; the schema says the same.
inline constexpr std::size_t kStatusOfflineMax = 16;

/// No rebalance begins so soon after the last one.
inline constexpr Duration kRebalanceHold{30'000};
/// An excess below this part of what a pod carries is not worth a move.
inline constexpr int kRebalanceExcessPercent = 1;

/// Connection counts in the status change no sooner than this after the last write, numbers of pods no sooner than
/// that.
inline constexpr Duration kStatusCountsEvery{5'000};
inline constexpr Duration kStatusReplicasEvery{500};
/// A RealtimeGateway's looks take no more than one part in so many of a core, where they take long enough to matter and
/// kLookPauseMax leaves it so: thousands of pods that change at once are looked at together.
inline constexpr int kLookShare = 50;
inline constexpr Duration kLookWorthPacing{2};
inline constexpr Duration kLookPauseMax{500};
/// `status.drains` lists so many at most; the schema says the same.
inline constexpr std::size_t kStatusDrainsMax = 16;
/// A template that the API server refused is asked about again after it: admission may have changed.
inline constexpr Duration kTemplateRecheck{60'000};
/// And where it could not say, after this: every event would ask it again.
inline constexpr Duration kTemplateRetry{5'000};
inline constexpr std::size_t kTemplateVerdictsMax = 1024;
/// How often an Eviction is told how far its drain is; the API asks for no more than one in 20 s, and gives up a
/// responder after 20 minutes of silence.
inline constexpr Duration kEvictionHeartbeat{30'000};
/// An API server that had no Evictions is asked again after it.
inline constexpr Duration kEvictionsRecheck{600'000};
/// By then a process, or a leader, has looked at everything, and asked every gateway of thousands once.
inline constexpr Duration kStartupLasts{120'000};
/// Freed heap goes back to the kernel as often.
inline constexpr Duration kGiveBackHeapEvery{60'000};
/// Foreign pods that were told of; past them all are told of again.
inline constexpr std::size_t kStrangersMax = 1024;

static_assert(kPollSpacing.count() * kPollsPerSecondMax >= 1000, "the spacing keeps to the rate");
static_assert(kRestingPollsPerSecondMax < kPollsPerSecondMax, "what rests leaves room for what does not");
static_assert(kPollCandidate < kStateFresh, "a candidate asked in its turn is still fresh when the victim is chosen");
static_assert(kPollSpacing * 2 * kVictimCandidatesMax < kStateFresh,
              "all candidates of one gateway are asked before the first one's state is stale, though every second poll "
              "is a draining pod's");
static_assert(kStateFresh + kAdminTimeout < kCandidateTurnMax, "a turn is long enough for candidates that hang");
static_assert(kOtherPollsMax > 0, "candidates never take up all calls");
static_assert(kPollWatched < kStateFresh, "what is watched has a state to decide by");
static_assert(kBroadcastsInParallelMax < kAdminCallsMax / 4, "news of peers leave room for drains");
static_assert(kPollDraining < kStateFresh, "a draining pod's zero is seen while it is fresh");

}  // namespace sluice::op
