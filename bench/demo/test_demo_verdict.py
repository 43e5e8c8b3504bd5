"""From what happened to figures and a verdict."""

import json

import pytest
from sluice_demo import verdict
from sluice_demo.verdict import Criterion
from story import drained_pod, event, gateway, hpa, load, memory, pod, record_of, scraped


def good_run():
    """The shortest story in which everything is as it should be."""
    record = record_of(
        gateway(), hpa(0, 2), pod(1, "a", ready=False), pod(2, "a"), pod(2, "b"), load(3, 100), load(10, 3001), pod(14, "c"), load(20, 10_400),
        *(pod(20, name) for name in ("d", "e", "f", "g")), *(scraped(21, name, 1480) for name in "abcdefg"),
        event(22, "SuccessfulRescale", "New size: 6; reason: RealtimeGateway metric rtgw_connections above target"),
        hpa(25, 7, "1480", "0"), hpa(40, 9, "1480", "11"), memory(41, "operator", 20), memory(41, "adapter", 18),
    )
    for index in range(4):
        for seen in drained_pod(f"victim{index}", begin=60 + 10 * index, end=68 + 10 * index, initial=700):
            record.apply(seen)
    for name in "abcdefg":
        record.apply(scraped(120, name, 590))
    record.apply(load(120, 4160))
    record.enter("done", 130)
    record.apply(hpa(131, 3, "1380", "0"))
    record.apply(load(135, 0))
    return record


def rows_of(record):
    return {row.name: row for row in verdict.criteria(record)}


def test_a_good_run_passes():
    rows = verdict.criteria(good_run())
    assert [row.name for row in rows if not row.good] == []
    assert verdict.passed(rows)
    values = {row.name: row.value for row in rows}
    assert values["demo.clients"] == 10_400
    assert values["demo.scale_up_first_pod_s"] == 4
    assert values["demo.drained_connections"] == 2800
    # 8 s over 3 s of propagation and 5 s of jitter: 700 over 150 a second and receiver takes less.
    assert values["demo.drain_time_ratio"] == pytest.approx(1.0)
    assert values["demo.operator_rss_mb"] == 20


def test_a_run_that_never_began_fails_everywhere_without_an_exception():
    rows = verdict.criteria(record_of())
    assert not verdict.passed(rows)
    assert rows_of(record_of())["demo.abnormal_closes"].value is None


@pytest.mark.parametrize("change, failing", [
    (lambda r: r.apply(load(140, 0, ends__abnormal={"total": 1, "kinds": {"eof": 1}})), ["demo.abnormal_closes"]),
    (lambda r: r.apply(load(140, 0, echoes__lost=1, echoes__sent=10)), ["demo.lost_echoes"]),
    (lambda r: r.apply(load(140, 0, echoes__corrupt=1)), ["echoes answered wrongly or twice"]),
    (lambda r: r.apply(load(140, 0, echoes__sent=10)), ["echoes neither answered nor lost"]),
    (lambda r: r.apply(load(140, 0, echoes__outstanding=1)), ["echoes awaited at the end"]),
    (lambda r: r.apply(load(140, 1)), ["clients left at the end"]),
    (lambda r: r.apply(load(140, 0, tasks__wrong=1)), ["tasks lost or answered wrongly"]),
    (lambda r: r.apply(memory(140, "adapter", 31)), ["demo.adapter_rss_mb"]),
    (lambda r: r.apply(hpa(140, 4, "1040", "0")), ["pods beyond what the clients that stayed need"]),
    (lambda r: [r.apply(scraped(141, "a", 590)), r.apply(pod(142, "a", deleting=True))], ["demo.deleted_with_connections"]),
    (lambda r: [r.apply(seen) for seen in drained_pod("late", 200, 209, 700)], ["demo.drain_time_ratio"]),
    (lambda r: [r.apply(seen) for seen in drained_pod("small", 200, 208, 499)], ["connections of the smallest victim"]),
    (lambda r: [r.apply(seen) for seen in drained_pod("silent", 200, 208, 700, messages=0)],
     ["messages through the quietest victim, of those due"]),
    # Half of 700 clients * 0.2 a second * 3 s are 210.
    (lambda r: [r.apply(seen) for seen in drained_pod("quiet", 200, 208, 700, messages=209)],
     ["messages through the quietest victim, of those due"]),
    (lambda r: [r.apply(seen) for seen in drained_pod("talking", 200, 208, 700, messages=210)], []),
])
def test_each_fault_fails_its_own_row(change, failing):
    record = good_run()
    change(record)
    assert [row.name for row in verdict.criteria(record) if not row.good] == failing


@pytest.mark.parametrize("initial, messages, counted", [(500, 300, 500), (500, 149, 0), (499, 300, 0)])
def test_connections_count_as_drained_where_many_went_on_talking(initial, messages, counted):
    record = record_of(gateway(), *drained_pod("a", 40, 48, initial, messages))
    assert rows_of(record)["demo.drained_connections"].value == counted


def test_a_pod_that_was_ready_before_its_clients_came_measures_nothing():
    record = record_of(hpa(0, 2), *(pod(2, name) for name in "abc"), load(10, 3001))
    row = rows_of(record)["demo.scale_up_first_pod_s"]
    assert (row.value, row.text, row.good) == (None, "not measured", False)


def test_megabytes_are_a_million_bytes():
    assert rows_of(record_of(memory(1, "operator", 30)))["demo.operator_rss_mb"].good
    assert not rows_of(record_of(memory(1, "operator", 30.001)))["demo.operator_rss_mb"].good


def test_more_pods_without_a_full_queue_are_not_scaling_by_queue():
    record = record_of(pod(0, "a"), scraped(1, "a", 3000), hpa(2, 5, "1500", "10"), hpa(3, 2, "1500", "50"))
    assert not verdict.scaled_by_queue(record)
    record.apply(hpa(4, 3, "1500", "10500m"))
    assert verdict.scaled_by_queue(record)


def test_connections_that_have_left_cannot_pass_for_a_queue():
    record = record_of(pod(0, "a"), scraped(1, "a", 9000), hpa(2, 6, "1500", "0"), scraped(3, "a", 3000), hpa(4, 6, "500", "20"))
    assert not verdict.scaled_by_queue(record)


def test_a_large_victim_is_measured_against_its_budget():
    seen = [gateway(), pod(0, "a"), *drained_pod("big", begin=40, end=53, initial=1500)]
    # One receiver: 1500 / 150 = 10 s, longer than the jitter.
    assert verdict.drain_ratios(record_of(*seen)) == {"uid-big": pytest.approx(13 / 13)}


def test_two_drains_at_once_share_the_budget():
    record = record_of(
        gateway(), pod(0, "a"), pod(0, "x"), pod(0, "y"), scraped(1, "x", 1500), scraped(1, "y", 1500),
        pod(2, "x", draining=True), pod(3, "y", draining=True), pod(26, "y", draining=True, deleting=True),
    )
    assert verdict.drain_ratios(record) == {"uid-y": pytest.approx(23 / 23)}


@pytest.mark.parametrize("value, bound, good", [
    (5, "", True), (None, "", False), (10, ">= 10", True), (9.9, ">= 10", False), (1.1, "<= 1.1", True), (1.2, "<= 1.1", False),
    (0, "= 0", True), (1, "= 0", False), (None, "= 0", False),
])
def test_bounds(value, bound, good):
    assert Criterion("x", value, "u", bound, figure=True).good is good


def test_details_can_be_written_as_json():
    assert json.loads(json.dumps(verdict.details(good_run())))["drains"][0]["ratio"] == 1.0
