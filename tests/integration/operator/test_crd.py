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
    ({"template": {"spec": {"restartPolicy": "Never"}}}, "spec.template.spec.restartPolicy"),
    ({"template": {"spec": {"terminationGracePeriodSeconds": 10}}}, "spec.template.spec.terminationGracePeriodSeconds"),
    ({"template": {"spec": {"containers": 3}}}, "spec.template.spec.containers"),
    ({"template": {"spec": {"containers": [{"image": "x"}]}}}, "spec.template.spec.containers[0].name"),
    ({"template": {"metadata": {"labels": {"a": 1}}}}, "spec.template.metadata.labels.a"),
]


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
        "minReadySeconds": 10,
        "template": {"spec": {"restartPolicy": "Always", "terminationGracePeriodSeconds": 600}},
        "reconnectBudget": {"perSecondPerReceiver": 200, "perSecondMax": 20000},
        "scaleDown": {"maxConcurrentDrains": 1},
        "drain": {"propagationDelay": "15s", "hintJitter": "30s", "timeout": "30m", "closeCode": 1012},
        "disruption": {"maxUnavailable": 1},
    }


def test_part_of_a_group_leaves_the_others_at_their_defaults(api):
    assert create(api, {"drain": {"propagationDelay": "1m30s"}})["spec"]["drain"] == {
        "propagationDelay": "1m30s",
        "hintJitter": "30s",
        "timeout": "30m",
        "closeCode": 1012,
    }
