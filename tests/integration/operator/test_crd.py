"""A RealtimeGateway that breaks a rule is refused by the API server, with a sentence that names the field."""

import json

import pytest
from kubernetes.client.exceptions import ApiException
from rtgw import GROUP, KIND, PLURAL, VERSION

REFUSED = [
    ({"replicas": -1}, "spec.replicas"),
    ({"replicas": 1.5}, "spec.replicas"),
    ({"replicas": 10001}, "spec.replicas"),
    ({"minReadySeconds": -1}, "spec.minReadySeconds"),
    ({"reconnectBudget": {"perSecondPerReceiver": 0}}, "spec.reconnectBudget.perSecondPerReceiver"),
    ({"reconnectBudget": {"perSecondMax": 0}}, "spec.reconnectBudget.perSecondMax"),
    (
        {"reconnectBudget": {"perSecondMax": 100}},
        "reconnectBudget.perSecondMax must not be below reconnectBudget.perSecondPerReceiver",
    ),
    ({"scaleDown": {"maxConcurrentDrains": 0}}, "spec.scaleDown.maxConcurrentDrains"),
    ({"drain": {"propagationDelay": "soon"}}, "drain.propagationDelay must be a duration"),
    ({"drain": {"propagationDelay": "-1s"}}, "drain.propagationDelay must be a duration"),
    ({"drain": {"hintJitter": "30"}}, "drain.hintJitter must be a duration"),
    ({"drain": {"hintJitter": "2h"}}, "drain.hintJitter must be a duration such as 30s, 1m30s or 500ms, and at most 1h"),
    ({"drain": {"timeout": "10x"}}, "drain.timeout must be a duration"),
    ({"drain": {"timeout": 30}}, "spec.drain.timeout"),
    ({"drain": {"timeout": "10s"}}, "drain.timeout must be longer than drain.propagationDelay and drain.hintJitter together"),
    ({"drain": {"timeout": "45s"}}, "drain.timeout must be longer than drain.propagationDelay and drain.hintJitter together"),
    ({"drain": {"closeCode": 1000}}, "spec.drain.closeCode"),
    ({"disruption": {"maxUnavailable": -1}}, "disruption.maxUnavailable must be a whole number"),
    ({"disruption": {"maxUnavailable": 2147483648}}, "disruption.maxUnavailable must be a whole number from 0 to 2147483647"),
    ({"disruption": {"maxUnavailable": "150%"}}, "disruption.maxUnavailable must be a whole number"),
    ({"disruption": {"maxUnavailable": "some"}}, "disruption.maxUnavailable must be a whole number"),
    ({"capacity": {"connectionsPerPod": 0}}, "spec.capacity.connectionsPerPod"),
    ({"paused": "yes"}, "spec.paused"),
    ({"progressDeadlineSeconds": 0}, "spec.progressDeadlineSeconds"),
    ({"reconnectBudget": {"handshakeP99Max": "2m"}}, "reconnectBudget.handshakeP99Max must be a duration such as 1s, and at most 1m"),
    ({"scaleDown": {"victim": "Random"}}, "spec.scaleDown.victim"),
    ({"scaleDown": {"podsToDrain": ["a", "a"]}}, "spec.scaleDown.podsToDrain[1]"),
    ({"scaleDown": {"capacityGuardPercent": 101}}, "spec.scaleDown.capacityGuardPercent"),
    ({"drain": {"onTimeout": "Panic"}}, "spec.drain.onTimeout"),
    ({"drain": {"reverseHold": "2h"}}, "drain.reverseHold must be a duration such as 30s, and at most 1h"),
    ({"rollout": {"type": "Recreate"}}, "spec.rollout.type"),
    ({"rollout": {"maxSurge": 0}}, "rollout.maxSurge and rollout.maxUnavailable must not both be zero"),
    ({"rollout": {"maxSurge": "0%", "maxUnavailable": "0%"}}, "rollout.maxSurge and rollout.maxUnavailable must not both be zero"),
    ({"rollout": {"maxSurge": "many"}}, "rollout.maxSurge must be a whole number from 0 to 10000 or a percentage"),
    ({"rollout": {"maxUnavailable": -1}}, "rollout.maxUnavailable must be a whole number"),
    ({"rollout": {"partition": "101%"}}, "rollout.partition must be a whole number"),
    ({"rollout": {"canary": {"steps": [{"percent": 50}, {"percent": 5}]}}}, "rollout.canary.steps must ascend in percent"),
    ({"rollout": {"canary": {"steps": [{"percent": 0}]}}}, "spec.rollout.canary.steps[0].percent"),
    ({"rollout": {"canary": {"steps": [{"percent": 5, "hold": "ages"}]}}}, "rollout.canary.steps[].hold must be a duration"),
    ({"rollout": {"canary": {"gates": [{"metric": "Mood"}]}}}, "spec.rollout.canary.gates[0].metric"),
    ({"rollout": {"canary": {"gates": [{"metric": "CleanClose"}, {"metric": "CleanClose"}]}}}, "spec.rollout.canary.gates[1]"),
    ({"rollout": {"canary": {"onInsufficientSamples": "Guess"}}}, "spec.rollout.canary.onInsufficientSamples"),
    ({"rebalance": {"type": "Always"}}, "spec.rebalance.type"),
    ({"healing": {"maxKickedPercent": 101}}, "spec.healing.maxKickedPercent"),
    ({"healing": {"observe": "2d"}}, "healing.observe must be a duration such as 2m, and at most 24h"),
    ({"template": {"spec": {"restartPolicy": "Never"}}}, "spec.template.spec.restartPolicy"),
    ({"template": {"spec": {"terminationGracePeriodSeconds": 10}}}, "spec.template.spec.terminationGracePeriodSeconds"),
    ({"template": {"spec": {"containers": 3}}}, "spec.template.spec.containers"),
    ({"template": {"spec": {"containers": [{"image": "x"}]}}}, "spec.template.spec.containers[0].name"),
    ({"template": {"metadata": {"labels": {"a": 1}}}}, "spec.template.metadata.labels.a"),
]

DRAIN_DEFAULTS = {
    "propagationDelay": "15s",
    "hintJitter": "30s",
    "timeout": "30m",
    "onTimeout": "Close",
    "reversible": True,
    "reverseHold": "30s",
    "closeCode": 1012,
}


def create(api, spec, name="edge"):
    """A dry run: nothing stays."""
    body = {**KIND, "metadata": {"name": name}, "spec": spec}
    return api.custom.create_namespaced_custom_object(GROUP, VERSION, "default", PLURAL, body, dry_run="All")


def refusal(call):
    with pytest.raises(ApiException) as refused:
        call()
    assert refused.value.status == 422
    return json.loads(refused.value.body)["message"]


@pytest.mark.parametrize(("spec", "sentence"), REFUSED, ids=[json.dumps(spec) for spec, _ in REFUSED])
def test_a_bad_field_is_named(api, spec, sentence):
    assert sentence in refusal(lambda: create(api, spec))


@pytest.mark.parametrize("name", ["1edge", "a.b", "e" * 58])
def test_a_name_that_no_service_can_have_is_refused(api, name):
    assert "metadata.name must be a DNS label of at most 57 characters" in refusal(lambda: create(api, {}, name))


def test_an_unknown_field_is_refused_where_the_client_asks_for_it(api):
    body = {**KIND, "metadata": {"name": "edge"}, "spec": {"surprise": 1}}
    with pytest.raises(ApiException) as refused:
        api.custom.create_namespaced_custom_object(GROUP, VERSION, "default", PLURAL, body, dry_run="All", field_validation="Strict")
    assert 'unknown field "spec.surprise"' in json.loads(refused.value.body)["message"]


def test_defaults_are_filled_in(api):
    assert create(api, {})["spec"] == {
        "replicas": 1,
        "template": {"spec": {"restartPolicy": "Always", "terminationGracePeriodSeconds": 600}},
        "capacity": {"connectionsPerPod": 100000},
        "minReadySeconds": 10,
        "paused": False,
        "drainFreeze": False,
        "revisionHistoryLimit": 5,
        "progressDeadlineSeconds": 600,
        "reconnectBudget": {"perSecondPerReceiver": 200, "perSecondMax": 20000, "handshakeP99Max": "1s"},
        "scaleDown": {"victim": "LeastCost", "maxConcurrentDrains": 1, "capacityGuardPercent": 90},
        "drain": DRAIN_DEFAULTS,
        "rollout": {
            "type": "RollingUpdate",
            "maxSurge": "25%",
            "maxUnavailable": 0,
            "partition": 0,
            "canary": {"onInsufficientSamples": "Wait"},
        },
        "disruption": {"maxUnavailable": 1},
        "rebalance": {"type": "Move", "skewPercent": 25},
        "healing": {
            "maxKickedPercent": 10,
            "probePercent": 5,
            "successes": 3,
            "observe": "2m",
            "grayPercent": 10,
            "timeout": "10s",
            "replaceAfter": "5m",
        },
    }


def test_part_of_a_group_leaves_the_others_at_their_defaults(api):
    assert create(api, {"drain": {"propagationDelay": "1m30s"}})["spec"]["drain"] == {**DRAIN_DEFAULTS, "propagationDelay": "1m30s"}
    canary = {"steps": [{"percent": 5}], "gates": [{"metric": "CleanClose"}]}
    assert create(api, {"rollout": {"maxSurge": 2, "canary": canary}})["spec"]["rollout"]["canary"] == {
        "steps": [{"percent": 5, "hold": "10m"}],
        "gates": [{"metric": "CleanClose", "maxDropPercent": 1, "minSamples": 500}],
        "onInsufficientSamples": "Wait",
    }


def test_without_surge_a_pod_may_be_unavailable(api):
    assert create(api, {"rollout": {"maxSurge": 0, "maxUnavailable": 1}})["spec"]["rollout"]["maxSurge"] == 0
