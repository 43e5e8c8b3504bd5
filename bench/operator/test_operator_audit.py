"""What the API server wrote down, and what is made of it."""

import json

from operator_bench import audit

OPERATOR = {"username": "admin", "agent": "sluice-operator/0.1.0"}
REPLICA_SETS = {"username": audit.REPLICA_SETS, "agent": "kube-controller-manager/v1.37.2"}
SCHEDULER = {"username": "system:kube-scheduler", "agent": "kube-scheduler/v1.37.2"}
KWOK = {"username": "admin", "agent": "kwok/v0.8.0"}


def line(verb, resource, name="", *, who=OPERATOR, at=0.0, took=0.01, code=200, namespace="ns", body=None, stage="ResponseComplete"):
    plural, _, subresource = resource.partition("/")
    event = {
        "stage": stage, "verb": verb, "user": {"username": who["username"]}, "userAgent": who["agent"],
        "objectRef": {"resource": plural, "namespace": namespace, "name": name, **({"subresource": subresource} if subresource else {})},
        "responseStatus": {"code": code}, "requestReceivedTimestamp": _time(at), "stageTimestamp": _time(at + took),
    }
    return json.dumps(event | ({"requestObject": body} if body else {}))


def _time(at):
    return f"2026-11-23T09:{int(at // 60):02}:{at % 60:09.6f}Z"


def calls(*lines):
    return [call for text in lines if (call := audit.parse(text)) is not None]


def bound(name):
    return line("create", "pods/binding", name, who=SCHEDULER, code=201)


def drain_patch(name, at=0.0, code=200):
    return line("patch", "pods", name, at=at, code=code, body={"metadata": {"annotations": {audit.DRAIN: "{}"}}})


def lease(holder, at, verb="update"):
    return line(verb, "leases", "sluice-operator", at=at, namespace="sluice-system", body={"spec": {"holderIdentity": holder}})


def test_a_line_is_a_call():
    (call,) = calls(line("patch", "pods/status", "a", at=61.5, took=0.25, who=KWOK))
    assert (call.verb, call.resource, call.name, call.namespace, call.code) == ("patch", "pods/status", "a", "ns", 200)
    assert round(call.at - call.began, 3) == 0.25
    assert call.writes and call.done


def test_only_answers_are_calls():
    assert calls(line("watch", "pods", stage="ResponseStarted")) == []


def test_what_an_actor_did_about_a_namespace_counts():
    seen = calls(
        line("create", "pods", "a", code=201), line("create", "pods", "b", code=409), line("get", "pods", "b"), line("patch", "realtimegateways/status", "edge"),
        line("create", "events", "e", code=201), line("watch", "pods"), line("update", "leases", "l"), line("create", "pods", "c", namespace="other"),
        line("create", "pods", "d", who=REPLICA_SETS, code=201),
    )
    ours = audit.counted(seen, audit.by_operator, "ns")
    assert audit.kinds(ours) == {"create pods": 1, "create pods (409)": 1, "get pods": 1, "patch realtimegateways/status": 1, "create events": 1}
    assert audit.kinds(audit.counted(seen, audit.by_replica_set_controller, "ns")) == {"create pods": 1}


def test_a_pod_is_ready_once_kwok_has_written_it_first():
    seen = calls(
        line("patch", "pods/status", "a", who=KWOK, at=1), line("patch", "pods/status", "a", who=KWOK, at=9), line("patch", "pods/status", "b", who=KWOK, at=2, code=404),
        line("patch", "pods/status", "c", who=OPERATOR, at=3), line("patch", "pods/status", "d", who=KWOK, at=4, namespace="other"),
    )
    assert list(audit.readied(seen, "ns")) == ["a"]
    assert audit.readied(seen, "ns")["a"] == seen[0].at


def test_the_clock_starts_when_the_scale_is_asked_for():
    seen = calls(line("patch", "realtimegateways/scale", "edge", at=5, took=1), line("patch", "realtimegateways/scale", "edge", at=7, code=409))
    assert audit.scaled_at(seen, "ns") == seen[0].began
    assert audit.scaled_at([], "ns") is None


def test_nothing_is_doubled_where_every_pod_is_made_drained_and_deleted_once():
    dry = line("create", "pods", "edge-check", code=201)
    seen = calls(dry, *(bound(name) for name in "abc"), drain_patch("a"), line("delete", "pods", "a"), line("patch", "pods", "a", body={"metadata": {"labels": {}}}))
    assert audit.doubled(seen, audit.by_operator, "ns", pods_wanted=3, drains_wanted=1) == {"creates": 0, "drains": 0, "deletes": 0}


def test_what_was_done_twice_is_counted_by_kind():
    seen = calls(
        *(bound(name) for name in "abcd"), line("create", "pods", "a", code=409),  # Refused: a twin that was not made.
        drain_patch("a"), drain_patch("a"), drain_patch("b", code=409), drain_patch("c"), line("delete", "pods", "a"), line("delete", "pods", "a"), line("delete", "pods", "c", code=404),
    )
    assert audit.doubled(seen, audit.by_operator, "ns", pods_wanted=3, drains_wanted=3) == {"creates": 1, "drains": 1, "deletes": 1}
    assert audit.doubled(seen, audit.by_operator, "ns", pods_wanted=4, drains_wanted=1)["drains"] == 2


def test_the_lease_is_taken_when_another_one_stands_in_it():
    seen = calls(lease("a", 1), lease("", 2), lease("b", 3), lease("b", 4))
    assert audit.took_lease(seen, "sluice-operator", "a") == (seen[2].at, "b")
    assert audit.took_lease(seen[:2], "sluice-operator", "a") is None


def test_a_first_action_is_a_write_that_changes_something():
    seen = calls(
        line("create", "pods", "old", at=1, code=201), lease("b", 5), line("create", "events", "e", at=5.5, code=201), line("get", "pods", at=6),
        line("create", "pods", "a", at=7, code=409), line("create", "pods", "b", at=8, code=201),
    )
    assert audit.first_action(seen, audit.by_operator, after=seen[1].at) == seen[5].at


def test_the_log_is_read_while_it_grows_from_where_it_was(tmp_path):
    path = tmp_path / "audit.log"
    path.write_text(line("create", "pods", "before") + "\n")
    log = audit.AuditLog(path)
    with path.open("a") as file:
        file.write(line("create", "pods", "a") + "\n" + line("create", "pods", "b")[:40])
        file.flush()
        assert [call.name for call in log.read()] == ["a"]
        file.write(line("create", "pods", "b")[40:] + "\n")
    assert [call.name for call in log.read()] == ["a", "b"]
