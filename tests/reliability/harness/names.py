"""Names that are the same in every run of a scenario: pods are called by the order in which they were asked for, events by what they say."""

import json

from .facts import DRAIN, HEALTH, RATE, record_in


class Names:
    """Threads: the event loop's."""

    def __init__(self):
        self._pods = {}  # Alias by name.
        self._events = {}

    def pod(self, name):
        return self._pods.setdefault(name, f"p{len(self._pods)}")

    def index(self, name):
        return int(self.pod(name)[1:])

    def of(self, method, parsed, body):
        """The stem of a write's key: verb, resource, object, and what of it is written where several things are."""
        resource, name = parsed["resource"], parsed["name"]
        thing = _json(body)
        if method == "POST":
            name = thing.get("metadata", {}).get("name", "")
        if resource == "pods":
            name = "template" if name.endswith("-check") else self.pod(name)
        elif resource == "events":
            name = self._events.setdefault(name, thing.get("reason", "?"))
        words = [method, resource + (f"/{parsed['sub']}" if parsed["sub"] else ""), name, _purpose(resource, method, thing)]
        return " ".join(word for word in words if word)


def _purpose(resource, method, thing):
    """What a patch of a pod is for."""
    if resource != "pods" or method != "PATCH":
        return ""
    annotations = thing.get("metadata", {}).get("annotations") or {}
    if DRAIN in annotations:
        return "undrain" if not annotations[DRAIN] else "freeze" if "frozenAt" in record_in(annotations, DRAIN) else "drain"
    if annotations.get(HEALTH):
        return record_in(annotations, HEALTH).get("phase", "?")
    return "rate" if RATE in annotations else "labels"


def _json(body):
    try:
        given = json.loads(body or b"{}")
    except ValueError:  # A server-side apply may come as YAML.
        return {}
    return given if isinstance(given, dict) else {}
