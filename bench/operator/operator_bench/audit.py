"""The API server's own record of who asked it what (audit-policy.yaml). Parsing and counting are pure; AuditLog reads the file while it grows."""

import dataclasses
import datetime
import json

OPERATOR = "sluice-operator/"
REPLICA_SETS = "system:serviceaccount:kube-system:replicaset-controller"
DRAIN = "sluice.dev/drain"


@dataclasses.dataclass(frozen=True)
class Call:
    """One request that was answered, or one watch that was begun or ended."""

    began: float  # Seconds since 1970, by the API server's clock, as is `at`.
    at: float  # When it was answered.
    verb: str
    user: str
    agent: str
    group: str
    resource: str  # With its subresource: "pods/status".
    namespace: str
    name: str
    code: int
    body: dict | None

    @property
    def writes(self):
        return self.verb in ("create", "update", "patch", "delete", "deletecollection")

    @property
    def done(self):
        return 200 <= self.code < 300


def parse(line):
    """The Call of a line; None for stages that are no answer."""
    event = json.loads(line)
    if event["stage"] not in ("ResponseComplete", "Panic"):
        return None
    about = event.get("objectRef", {})
    resource = about.get("resource", "")
    if about.get("subresource"):
        resource += f"/{about['subresource']}"
    return Call(
        began=_seconds(event["requestReceivedTimestamp"]),
        at=_seconds(event["stageTimestamp"]),
        verb=event["verb"],
        user=event["user"].get("username", ""),
        agent=event.get("userAgent", ""),
        group=about.get("apiGroup", ""),
        resource=resource,
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        body=event.get("requestObject"),
    )


def _seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def by_operator(call):
    return call.agent.startswith(OPERATOR)


def by_replica_set_controller(call):
    return call.user == REPLICA_SETS


def counted(calls, actor, namespace):
    """What an actor asked of the API server about one namespace: reads, writes, status, events. Watches are held all the time and the lease is no work of a scale-up."""
    return [call for call in calls if actor(call) and call.namespace == namespace and call.verb != "watch" and call.resource != "leases"]


def kinds(calls):
    """{"create pods": 1000, ...}, the most frequent first; refused ones apart."""
    counts = {}
    for call in calls:
        name = f"{call.verb} {call.resource}" + ("" if call.done else f" ({call.code})")
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def readied(calls, namespace):
    """{pod: when kwok had written that it runs}."""
    found = {}
    for call in calls:
        if call.namespace == namespace and call.resource == "pods/status" and call.verb == "patch" and call.done and call.agent.startswith("kwok"):
            found.setdefault(call.name, call.at)
    return found


def scaled_at(calls, namespace):
    """When the API server had the request for more replicas, by whoever scales (not by an actor itself)."""
    asked = [call.began for call in calls if call.namespace == namespace and call.resource.endswith("/scale") and call.verb == "patch" and call.done]
    return max(asked, default=None)


def doubled(calls, actor, namespace, pods_wanted, drains_wanted):
    """What was done twice, by kind: pods made beyond what was wanted, a pod drained twice or one too many, a pod deleted twice.

    Pods are counted where the scheduler binds them, each once: the answer to a create is lost with the process that asked, and then the log need not say that it was done.
    """
    here = [call for call in calls if call.namespace == namespace and call.done]
    own = [call for call in here if actor(call)]
    made = [call.name for call in here if call.verb == "create" and call.resource == "pods/binding"]
    drained = [call.name for call in own if call.verb == "patch" and call.resource == "pods" and _begins_drain(call)]
    deleted = [call.name for call in own if call.verb == "delete" and call.resource == "pods"]
    return {
        "creates": max(0, len(made) - pods_wanted),
        "drains": max(len(drained) - len(set(drained)), len(drained) - drains_wanted, 0),
        "deletes": len(deleted) - len(set(deleted)),
    }


def _begins_drain(call):
    return bool(((call.body or {}).get("metadata") or {}).get("annotations", {}).get(DRAIN))


def took_lease(calls, name, holder_before):
    """(when, holder) of the first write of the lease `name` that names another holder than `holder_before`; None where there is none."""
    for call in sorted((call for call in calls if call.resource == "leases" and call.name == name and call.writes and call.done), key=lambda call: call.at):
        holder = ((call.body or {}).get("spec") or {}).get("holderIdentity")
        if holder and holder != holder_before:
            return call.at, holder
    return None


def first_action(calls, actor, after):
    """When an actor first changed something but a lease, of what was asked after `after`."""
    return min((call.at for call in calls if actor(call) and call.began > after and call.writes and call.done and call.resource not in ("leases", "events")), default=None)


class AuditLog:
    """The file, from where it ended when this was made. Threads: one."""

    def __init__(self, path):
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self.calls = []

    def read(self):
        """Takes in what has been written since; answers all calls so far."""
        with open(self._path, "rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text.rfind(b"\n") + 1  # The last line may still be written.
        self._offset += whole
        self.calls += [call for line in text[:whole].splitlines() if (call := parse(line)) is not None]
        return self.calls
