"""Prometheus' text, /proc, and the pod that a ReplicaSet is to make."""

import pytest
from operator_bench import exposition, processes
from operator_bench.scenarios import drain, scale

TEXT = """# HELP latency_seconds x
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.001"} 10
latency_seconds_bucket{le="0.005"} 98
latency_seconds_bucket{le="0.01"} 100
latency_seconds_bucket{le="+Inf"} 100
latency_seconds_sum 0.3
calls_total{verb="state",result="ok"} 7
calls_total{verb="drain",result="ok"} 2
calls_total{verb="state",result="denied"} 1e3
"""


def test_series_are_summed_by_the_labels_that_are_asked_for():
    assert exposition.total(TEXT, "calls_total", verb="state", result="ok") == 7
    assert exposition.total(TEXT, "calls_total", result="ok") == 9
    assert exposition.total(TEXT, "calls_total") == 1009
    assert exposition.total(TEXT, "absent_total") == 0


@pytest.mark.parametrize(
    ("name", "counts", "share", "value"),
    [
        ("in the middle of a bucket", {0.001: 10, 0.005: 98, 0.01: 100, float("inf"): 100}, 0.99, 0.0075),
        ("at a bound", {0.001: 10, 0.005: 98, 0.01: 100, float("inf"): 100}, 0.98, 0.005),
        ("beyond the last bound", {0.001: 10, float("inf"): 100}, 0.99, 0.001),
        ("nothing was observed", {0.001: 0, float("inf"): 0}, 0.99, None),
        ("no histogram", {}, 0.99, None),
    ],
)
def test_quantile(name, counts, share, value):
    assert exposition.quantile(counts, share) == (value if value is None else pytest.approx(value))


def test_what_was_observed_in_between():
    before = exposition.buckets(TEXT, "latency_seconds")
    after = {bound: count + 5 for bound, count in before.items()}
    assert set(exposition.between(before, after).values()) == {5}
    assert exposition.between({}, before) == before


def test_memory_is_in_millions_of_bytes():
    assert processes.memory_mb("Name:\tx\nVmHWM:\t   2000 kB\nVmRSS:\t   1000 kB\n", "VmRSS") == 1.024


def test_cpu_time_is_found_behind_any_name():
    fields = ["S", *map(str, range(4, 14)), "250", "50", "0"]
    assert processes.cpu_ticks(f"12 (a) name) {' '.join(fields)}") == 300


def test_a_replica_set_makes_the_same_pod_under_other_labels():
    pod = {
        "metadata": {"name": "edge-abcde", "labels": {"sluice.dev/gateway": "edge", "sluice.dev/state": "active"}, "annotations": {"a": "b"}, "uid": "u"},
        "spec": {"containers": [{"name": "gateway"}], "nodeName": "kwok-1", "serviceAccountName": "default"},
    }
    template = scale.replica_set_template(pod)
    assert template["spec"] == {"containers": [{"name": "gateway"}]}
    assert template["metadata"]["labels"] == {"bench.sluice.dev/gateway": "edge", "bench.sluice.dev/state": "active", scale.MINE: "edge"}
    assert template["metadata"]["annotations"] == {"a": "b"}


@pytest.mark.parametrize(("pods", "connections", "receivers"), [(1, 100, 1), (10, 2000, 2), (10, 100, 1), (3, 8000, 3)])
def test_those_who_stay_can_hold_all_that_come(pods, connections, receivers):
    assert drain.receivers_for(pods, connections) == receivers
    assert connections + drain.MORE + pods * connections / receivers <= drain.CONNECTIONS_MAX


def test_clients_notes_become_times():
    seen = drain.Seen(["2.5 end", "1.5 hint", "1.75 hint", "2.0 end"], 0)
    assert (seen.first_hint, seen.ends) == (1.5, [2.0, 2.5])
