"""Texts of others."""

import pytest
from sluice_demo import parse


@pytest.mark.parametrize("text, value", [
    ("1500", 1500), ("1486500m", 1486.5), ("0", 0), ("2k", 2000), ("1.5", 1.5), ("1Ki", 1024), ("-3", -3),
])
def test_quantities(text, value):
    assert parse.quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "x", "5 m", "1e3x"])
def test_what_is_no_quantity(text):
    with pytest.raises(ValueError):
        parse.quantity(text)


@pytest.mark.parametrize("text, seconds", [("3s", 3), ("1m30s", 90), ("250ms", 0.25), ("1h0m0s", 3600), ("0", 0), ("1.5s", 1.5)])
def test_durations(text, seconds):
    assert parse.duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "5d"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError):
        parse.duration_s(text)


def test_metric_sums_add_up_series_and_skip_the_rest():
    text = """\
# HELP rtgw_connections Connections.
# TYPE rtgw_connections gauge
rtgw_connections{protocol="ws",state="active"} 812
rtgw_connections{protocol="ws",state="closing"} 3 1700000000000
rtgw_connections_opened_total 99
rtgw_task_queue_length{tenant="default"} 1.5e1
up 1
nonsense
"""
    names = {"rtgw_connections", "rtgw_task_queue_length", "rtgw_absent"}
    assert parse.metric_sums(text, names) == {"rtgw_connections": 815, "rtgw_task_queue_length": 15}
