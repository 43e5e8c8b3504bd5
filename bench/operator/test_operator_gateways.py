"""The scripted admin API answers as the contract says."""

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import scripted_gateways
from operator_bench.processes import free_port

PROGRAM = Path(scripted_gateways.__file__)
ORDER = {"reason": "ScaleDown", "deadline": "2030-01-01T00:00:00Z", "ratePerSecond": 10.0, "closeCode": 1012, "hintJitterMs": 0}


def test_a_drain_runs_at_its_rate_and_a_repeated_order_changes_only_that():
    gateway = scripted_gateways.Gateway(100)
    assert gateway.state(0)["drain"] is None
    gateway.order(ORDER, 100.0)
    assert gateway.state(102.0)["drain"] | {"remaining": 80, "initial": 100, "rate": 10.0} == gateway.state(102.0)["drain"]
    gateway.order(ORDER | {"ratePerSecond": 40.0}, 102.0)
    state = gateway.state(103.0)
    assert (state["connections"]["total"], state["drain"]["remaining"], state["drain"]["initial"]) == (40, 40, 100)
    assert state["drain"]["startedAt"] == "1970-01-01T00:01:40.000000Z"
    assert gateway.state(200.0)["connections"]["total"] == 0


def test_a_drain_that_is_taken_back_keeps_what_is_left():
    gateway = scripted_gateways.Gateway(100)
    gateway.order(ORDER, 0.0)
    gateway.cancel(4.0)
    assert gateway.state(9.0)["connections"]["total"] == 60
    assert gateway.state(9.0)["drain"] is None


def token(uid):
    claims = base64.urlsafe_b64encode(json.dumps({"aud": uid}).encode()).rstrip(b"=").decode()
    return f"Bearer e30.{claims}.e30"


@pytest.fixture
def port():
    number = free_port()
    with subprocess.Popen([sys.executable, "-B", PROGRAM, str(number), "100"], stdout=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout.readline() == b"ready\n"
        yield number
        process.terminate()


def ask(port, uid, host="127.64.3.7", method="GET", path="/admin/v1/state", body=None):
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"http://{host}:{port}{path}", data, {"Authorization": token(uid)}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_each_pod_is_itself_whatever_address_it_has(port):
    ask(port, "a", method="PUT", path="/admin/v1/drain", body=ORDER)
    assert ask(port, "a", host="127.64.9.9")["drain"]["initial"] == 100
    assert ask(port, "b")["drain"] is None
    assert ask(port, "a", method="DELETE", path="/admin/v1/drain")["drain"] is None


def test_what_is_not_there_is_said(port):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(port, "a", path="/admin/v2/state")
