#include "common/kube/lease_record.h"

#include <doctest/doctest.h>

#include "common/base/duration_text.h"

namespace sluice::kube {
namespace {

const SteadyTime kStart{std::chrono::hours(1)};
const WallTime kNow = *parse_rfc3339("2026-11-23T09:30:00Z");

LeaseRecord held_by(const char* holder) {
  return read_lease(
      {{"metadata", {{"name", "lock"}, {"resourceVersion", "7"}}},
       {"spec",
        {{"holderIdentity", holder}, {"leaseDurationSeconds", 15}, {"renewTime", "2026-11-23T09:29:59.000000Z"}}}});
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

TEST_CASE("what changes holder, times, duration or transitions moves the time of sight, and nothing else does") {
  struct Row {
    std::string name;
    std::string patch;
    bool moves;
  };
  const Row rows[] = {
      {"nothing", "{}", false},
      {"somebody labels it", R"({"metadata":{"resourceVersion":"8","labels":{"a":"b"}}})", false},
      {"a field that we do not know", R"({"metadata":{"resourceVersion":"8"},"spec":{"strategy":"X"}})", false},
      {"another holder", R"({"spec":{"holderIdentity":"third"}})", true},
      {"a renewal", R"({"spec":{"renewTime":"2026-11-23T09:30:01.000000Z"}})", true},
      {"an acquisition", R"({"spec":{"acquireTime":"2026-11-23T09:30:01.000000Z"}})", true},
      {"a duration", R"({"spec":{"leaseDurationSeconds":14}})", true},
      {"a takeover and back", R"({"spec":{"leaseTransitions":2}})", true}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    LeaseObserver observer;
    observer.see(held_by("other"), kStart);
    Json changed = held_by("other").object;
    changed.merge_patch(Json::parse(row.patch));
    observer.see(read_lease(changed), kStart + 10s);
    const LeaseAction action = observer.decide("me", false, kStart + 15s);
    CHECK(action == (row.moves ? LeaseAction::kWait : LeaseAction::kWrite));
    // What is written next is conditional on the newest version all the same.
    REQUIRE(observer.record().has_value());
    CHECK(observer.record()->object == changed);
  }
}

TEST_CASE("a Lease that is made again is a change") {
  LeaseObserver observer;
  observer.see(std::nullopt, kStart);
  observer.see(held_by("other"), kStart + 10s);
  CHECK(observer.free_at(kStart + 10s) == kStart + 25s);
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

TEST_CASE("write_lease leaves in place what others keep in a Lease") {
  const Json seen = Json::parse(R"({
      "apiVersion":"coordination.k8s.io/v1","kind":"Lease",
      "metadata":{"name":"lock","namespace":"ns","uid":"u","resourceVersion":"7","labels":{"app":"x"},
                  "annotations":{"note":"y"},"ownerReferences":[{"uid":"o"}]},
      "spec":{"holderIdentity":"other","leaseDurationSeconds":15,"strategy":"OldestEmulationVersion"}})");
  Json expected = seen;
  expected["spec"]["holderIdentity"] = "me";
  expected["spec"]["leaseTransitions"] = 1;
  expected["spec"]["acquireTime"] = expected["spec"]["renewTime"] = "2026-11-23T09:30:00.000000Z";
  CHECK(write_lease(read_lease(seen), "ns", "lock", "me", 15s, kNow) == expected);

  const Json nonsense = Json::parse(R"({"metadata":{"resourceVersion":"7"},"spec":"none"})");
  const Json repaired = write_lease(read_lease(nonsense), "ns", "lock", "me", 15s, kNow);
  CHECK(text_at(repaired, "/spec/holderIdentity") == "me");
  CHECK(resource_version_of(repaired) == "7");
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
