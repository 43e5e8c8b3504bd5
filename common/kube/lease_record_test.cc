#include "common/kube/lease_record.h"

#include <doctest/doctest.h>

#include "common/base/duration_text.h"

namespace sluice::kube {
namespace {

const SteadyTime kStart{std::chrono::hours(1)};
const WallTime kNow = *parse_rfc3339("2026-11-23T09:30:00Z");

LeaseRecord held_by(const char* holder) {
  return {.holder = holder, .duration = 15s, .renew_time = "2026-11-23T09:29:59.000000Z", .resource_version = "7"};
}

}  // namespace

TEST_CASE("who holds the Lease, and how long he was silent on our clock, decides what to do") {
  struct Row {
    std::string name;
    std::optional<LeaseRecord> record;
    Duration later;
    LeaseAction action;
    bool leading;
  };
  const Row rows[] = {
      {"no Lease yet", std::nullopt, 0s, LeaseAction::kWrite, false},
      {"released", held_by(""), 0s, LeaseAction::kWrite, false},
      {"held by us, of an earlier life", held_by("me"), 0s, LeaseAction::kWrite, false},
      {"held by another, just seen", held_by("other"), 0s, LeaseAction::kWait, false},
      {"held by another, almost expired", held_by("other"), 14'999ms, LeaseAction::kWait, false},
      {"held by another, expired", held_by("other"), 15s, LeaseAction::kWrite, false},
      {"we lead", held_by("me"), 0s, LeaseAction::kWrite, true},
      {"we lead and were long silent, but nobody took it", held_by("me"), 100s, LeaseAction::kWrite, true},
      {"we lead and somebody deleted it", std::nullopt, 0s, LeaseAction::kWrite, true},
      {"we led and another one took it", held_by("other"), 0s, LeaseAction::kLost, true},
      {"we led, another one took it and has expired since", held_by("other"), 100s, LeaseAction::kLost, true}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    LeaseObserver observer;
    observer.see(row.record, kStart);
    CHECK(observer.decide("me", row.leading, kStart + row.later) == row.action);
  }
}

TEST_CASE("only a change of the record moves the time of sight") {
  LeaseObserver observer;
  observer.see(held_by("other"), kStart);
  observer.see(held_by("other"), kStart + 14s);
  CHECK(observer.decide("me", false, kStart + 15s) == LeaseAction::kWrite);
  LeaseRecord renewed = held_by("other");
  renewed.resource_version = "8";
  observer.see(renewed, kStart + 15s);
  CHECK(observer.decide("me", false, kStart + 29s) == LeaseAction::kWait);
  CHECK(observer.free_at(kStart + 29s) == kStart + 30s);
}

TEST_CASE("a holder's wall clock is never compared") {
  LeaseRecord record = held_by("other");
  record.renew_time = "1999-01-01T00:00:00.000000Z";
  LeaseObserver observer;
  observer.see(record, kStart);
  CHECK(observer.decide("me", false, kStart + 1s) == LeaseAction::kWait);
}

TEST_CASE("write_lease counts takeovers, keeps the time of acquisition on renewal, and is conditional") {
  const Json first = write_lease(std::nullopt, "ns", "lock", "me", 15s, kNow);
  CHECK(first["spec"]["leaseTransitions"] == 0);
  CHECK(first["spec"]["acquireTime"] == "2026-11-23T09:30:00.000000Z");
  CHECK_FALSE(first["metadata"].contains("resourceVersion"));

  LeaseRecord mine = held_by("me");
  mine.acquire_time = "2026-11-23T09:00:00.000000Z";
  mine.transitions = 3;
  const Json renewal = write_lease(mine, "ns", "lock", "me", 15s, kNow);
  CHECK(renewal["spec"]["acquireTime"] == "2026-11-23T09:00:00.000000Z");
  CHECK(renewal["spec"]["renewTime"] == "2026-11-23T09:30:00.000000Z");
  CHECK(renewal["spec"]["leaseTransitions"] == 3);
  CHECK(renewal["metadata"]["resourceVersion"] == "7");

  const Json takeover = write_lease(mine, "ns", "lock", "other", 15s, kNow);
  CHECK(takeover["spec"]["leaseTransitions"] == 4);
  CHECK(takeover["spec"]["acquireTime"] == "2026-11-23T09:30:00.000000Z");

  const Json release = write_lease(mine, "ns", "lock", "", 1s, kNow);
  CHECK(release["spec"]["holderIdentity"] == "");
  CHECK(release["spec"]["leaseDurationSeconds"] == 1);
  CHECK(release["spec"]["leaseTransitions"] == 3);
}

TEST_CASE("read_lease reads back what write_lease wrote and survives nonsense") {
  const Json lease = write_lease(held_by("other"), "ns", "lock", "me", 15s, kNow);
  const LeaseRecord record = read_lease(lease);
  CHECK(record.holder == "me");
  CHECK(record.duration == 15s);
  CHECK(record.transitions == 1);
  CHECK(read_lease(Json::parse(R"({"spec":{"holderIdentity":5,"leaseDurationSeconds":"x"}})")).holder.empty());
  CHECK(read_lease(Json(nullptr)).duration == 0s);
}

}  // namespace sluice::kube
