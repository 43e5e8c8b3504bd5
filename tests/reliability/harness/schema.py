"""Values for every field of the CRD, made from its OpenAPI schema (Acto's input model): boundaries that are valid, values that must be refused,
wrong types, and deletions. A new field of the schema is covered without a change here. Pure."""

import copy
import dataclasses
import re

DURATION = re.compile(r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$")
BOUND = re.compile(r"duration\(self\) <= duration\('([^']+)'\)")
UNIT_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}

# On a living gateway a value must let the fleet come to rest within a test's time; the others are only offered to the API server.
LIVE_INTEGER_MAX = 100
LIVE_SECONDS_MAX = 2
LIVE = {
    ("replicas",): lambda value: value <= 4,
    ("minReadySeconds",): lambda value: value <= 2,
    ("progressDeadlineSeconds",): lambda value: True,
    ("reconnectBudget", "perSecondPerReceiver"): lambda value: 10 <= value,
    ("reconnectBudget", "perSecondMax"): lambda value: True,
    ("drain", "timeout"): lambda value: seconds_of(value) >= 5,
    ("drain", "closeCode"): lambda value: True,
    ("template", "spec", "terminationGracePeriodSeconds"): lambda value: True,
    ("paused",): lambda value: not value,
    ("drainFreeze",): lambda value: not value,
}


@dataclasses.dataclass(frozen=True)
class Mutation:
    """`kind`: "valid", "invalid", "type" or "deleted" (then `value` is None). `path` is below spec; items of lists are the number 0."""

    path: tuple
    kind: str
    value: object

    @property
    def field(self):
        """The name that a refusal has to say."""
        return next(str(part) for part in reversed(self.path) if part != 0)

    def __str__(self):
        return f"{'.'.join(map(str, self.path))} {'deleted' if self.kind == 'deleted' else repr(self.value)[:60]} ({self.kind})"

    def applied(self, spec):
        """A copy of the spec with it."""
        changed = copy.deepcopy(spec)
        at = changed
        for here, following in zip(self.path[:-1], self.path[1:]):
            at = _enter(at, here, [] if following == 0 else {})
        last = self.path[-1]
        if self.kind == "deleted":
            if isinstance(at, dict):
                at.pop(last, None)
        elif last == 0:
            at[:1] = [self.value]
        else:
            at[last] = self.value
        return changed

    @property
    def live(self):
        """Whether a living gateway can be asked to follow it in a test's time."""
        if self.kind not in ("valid", "deleted"):
            return False
        if self.kind == "deleted":
            return self.path[0] not in ("minReadySeconds", "drain", "replicas", "reconnectBudget")  # Their defaults are for production.
        allowed = LIVE.get(self.path)
        if allowed is not None:
            return allowed(self.value)
        if isinstance(self.value, str) and DURATION.match(self.value):
            return seconds_of(self.value) <= LIVE_SECONDS_MAX
        return not isinstance(self.value, int) or self.value <= LIVE_INTEGER_MAX


def _enter(at, part, empty):
    if part == 0:
        if not at:
            at.append(empty)
        return at[0]
    if not isinstance(at.get(part), type(empty)):
        at[part] = empty
    return at[part]


def seconds_of(text):
    return sum(float(number) * UNIT_S[unit] for number, unit in re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text))


def spec_schema(crd):
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def mutations(schema, path=(), required=False):
    """All of them, in the order of the schema."""
    if path:
        yield from (Mutation(path, "valid", value) for value in valid_values(schema))
        yield from (Mutation(path, "invalid", value) for value in invalid_values(schema))
        yield from (Mutation(path, "type", value) for value in wrong_types(schema))
        if path[-1] != 0 and not required:
            yield Mutation(path, "deleted", None)
    for name, below in schema.get("properties", {}).items():
        yield from mutations(below, (*path, name), name in schema.get("required", ()))
    if "items" in schema:
        # An item has to have what it requires before one of its fields is tried.
        yield from (each for each in mutations(schema["items"], (*path, 0)) if len(each.path) == len(path) + 1 or not schema["items"].get("required"))


def kind_of(schema):
    """What its values are: the schema's type, or what its rules make of it."""
    if schema.get("x-kubernetes-int-or-string"):
        return "int-or-string"
    rules = " ".join(rule["rule"] for rule in schema.get("x-kubernetes-validations", []))
    if schema.get("type") == "string" and ("duration(self)" in rules or DURATION.match(str(schema.get("default", "")))):
        return "duration"
    if "enum" in schema:
        return "enum"
    return schema.get("type", "any")


def valid_values(schema):
    kind = kind_of(schema)
    if kind == "enum":
        return list(schema["enum"])
    if kind == "integer":
        low, high = schema.get("minimum"), schema.get("maximum")
        return _distinct([low, low + 1 if low is not None else None, schema.get("default"), high - 1 if high is not None else None, high])
    if kind == "duration":
        return ["0s", "250ms", "1.5s", "1m30s", _longest(schema)]
    if kind == "int-or-string":
        return [0, 1, 2, "0%", "1%", "50%", "100%"]
    if kind == "boolean":
        return [True, False]
    if kind == "number":
        return _distinct([schema.get("minimum"), schema.get("maximum")])
    if kind == "array":
        return [[]]
    return []


def invalid_values(schema):
    kind = kind_of(schema)
    if kind == "enum":
        return ["NoSuchValue"] if isinstance(schema["enum"][0], str) else [max(schema["enum"]) + 1, min(schema["enum"]) - 1]
    if kind in ("integer", "number"):
        return [bound + step for bound, step in ((schema.get("minimum"), -1), (schema.get("maximum"), 1)) if bound is not None]
    if kind == "duration":
        return ["", "soon", "-1s", "10", "1d", "999999h"]
    if kind == "int-or-string":
        return [-1, "101%", "-1%", "half"]
    if kind == "array" and "maxItems" in schema:
        return [[_least(schema["items"], number) for number in range(schema["maxItems"] + 1)]]
    if kind == "object" and "maxProperties" in schema:
        return [{f"key-{number}": "x" for number in range(schema["maxProperties"] + 1)}]
    return []


def wrong_types(schema):
    """One of another type; the API server's own answer for null is the default, and no refusal."""
    kind = kind_of(schema)
    if kind in ("integer", "number"):
        return ["many", [1]]
    if kind == "boolean":
        return ["perhaps"]
    if kind == "object":
        return ["text", [1]]
    if kind == "array":
        return ["text", {"a": 1}]
    if kind == "int-or-string":
        return [{"a": 1}]
    if kind == "enum" and not isinstance(schema["enum"][0], str):
        return ["text"]
    return [7, {"a": 1}] if kind in ("enum", "duration", "string") else []


def _longest(schema):
    rules = " ".join(rule["rule"] for rule in schema.get("x-kubernetes-validations", []))
    found = BOUND.search(rules)
    return found[1] if found else "1h"


def _least(schema, number):
    """The least that is one item: its required fields."""
    if schema.get("type") != "object":
        return f"item-{number}" if schema.get("type") == "string" else number
    return {name: f"item-{number}" if below.get("type") == "string" else 1 for name, below in schema.get("properties", {}).items() if name in schema.get("required", ())}


def _distinct(values):
    return list(dict.fromkeys(value for value in values if value is not None))
