"""Values made from a schema."""

import pytest
from harness import acto, schema
from harness.schema import Mutation

SMALL = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "wait": {"type": "string", "x-kubernetes-validations": [{"rule": "self.matches('x') && duration(self) <= duration('2h')"}]},
        "mode": {"type": "string", "enum": ["A", "B"]},
        "share": {"x-kubernetes-int-or-string": True},
        "on": {"type": "boolean"},
        "steps": {"type": "array", "maxItems": 2, "items": {"type": "object", "required": ["percent"], "properties": {"percent": {"type": "integer", "maximum": 100}}}},
    },
}


def values(name, kind):
    return [mutation.value for mutation in schema.mutations(SMALL) if mutation.path == (name,) and mutation.kind == kind]


@pytest.mark.parametrize(
    "name, kind, expected",
    [
        ("count", "valid", [1, 2, 3, 8, 9]),
        ("count", "invalid", [0, 10]),
        ("count", "deleted", [None]),
        ("wait", "valid", ["0s", "250ms", "1.5s", "1m30s", "2h"]),
        ("mode", "valid", ["A", "B"]),
        ("mode", "invalid", ["NoSuchValue"]),
        ("share", "invalid", [-1, "101%", "-1%", "half"]),
        ("on", "valid", [True, False]),
        ("steps", "invalid", [[{"percent": 1}] * 3]),
    ],
)
def test_values_of_a_field(name, kind, expected):
    assert values(name, kind) == expected


def test_a_mutation_leaves_the_spec_alone():
    spec = {"a": {"b": 1, "c": 2}}
    assert Mutation(("a", "b"), "valid", 5).applied(spec) == {"a": {"b": 5, "c": 2}}
    assert Mutation(("a", "b"), "deleted", None).applied(spec) == {"a": {"c": 2}}
    assert Mutation(("x", "y"), "valid", 1).applied(spec) == {"a": {"b": 1, "c": 2}, "x": {"y": 1}}
    assert Mutation(("l", 0), "valid", "t").applied({"l": ["u", "v"]}) == {"l": ["t", "v"]}
    assert spec == {"a": {"b": 1, "c": 2}}


def test_the_field_that_a_refusal_must_name():
    assert Mutation(("drain", "timeout"), "invalid", "x").field == "timeout"
    assert Mutation(("template", "spec", "containers", 0), "type", 1).field == "containers"


def test_every_field_of_the_crd_has_values():
    tried = {mutation.path for mutation in acto.all_mutations()}
    assert {("replicas",), ("drain", "timeout"), ("disruption", "maxUnavailable"), ("template", "spec", "containers", 0)} <= tried
    assert len(acto.live_mutations()) > 40
