"""N pods drained at once under one budget: real gateways, which the tests' stand-in for a kubelet starts, and real clients, who note when they were told to go and when they
had gone. What is judged is the clients' word alone.

The pods that go are the cheapest, so those that stay hold a few connections more, and take in all that come: as many as a process has descriptors for.
"""

import contextlib
import json
import math
import subprocess

from .. import figures, windows
from ..errors import BenchError
from ..kube import pods_path, wait_until
from ..processes import Process
from ..world import RELEASE

NAMESPACE = "drain"
PATIENCE_S = 300
# Connections that one gateway process can hold: `ulimit -n` of 20,000, less what it needs beside them.
CONNECTIONS_MAX = 18_000
# What those who stay hold beyond the others, so that they are never the cheapest.
MORE = 100
# Short beside the ten seconds that a drain takes, since what is compared is the budget: with the default of 30 s it is the jitter that a drain waits for.
HINT_JITTER = "200ms"
CONNECTS_PER_SECOND = 500


def run(world, options):
    ratios, windows_seen = [], []
    stand_in = _kubelet(world)
    with stand_in:
        for number in range(1, options.rounds + 1):
            seen = _round(world, options, stand_in, f"{NAMESPACE}-{number}")
            rate = options.drain_rate
            burst = windows.burst_of(rate, options.drain_pods)
            ratios.append(windows.rate_ratio(seen.first_hint, seen.ends, rate))
            windows_seen.append(windows.max_window_ratio(seen.ends, rate, burst))
            world.say(
                f"drain, round {number}: {len(seen.ends)} connections of {options.drain_pods} pods gone in {max(seen.ends) - seen.first_hint:.2f} s, "
                f"{ratios[-1]:.3f} of the budget; worst window {windows_seen[-1]:.3f} of {rate}/s and a burst of {burst:.0f}; {seen.abnormal} abnormal ends"
            )
    return {"operator.drain.rate_ratio": figures.median(ratios), "operator.drain.max_window_ratio": max(windows_seen)}


class Seen:
    """What the clients of the drained pods noted. Seconds of the machine's monotonic clock."""

    def __init__(self, lines, abnormal):
        noted = [line.split() for line in lines]
        self.hints = sorted(float(at) for at, what in noted if what == "hint")
        self.ends = sorted(float(at) for at, what in noted if what == "end")
        self.abnormal = abnormal

    @property
    def first_hint(self):
        return min(self.hints[0], self.ends[0])


def receivers_for(pods, connections):
    """Pods that can hold all that is drained, and what they begin with. Pure."""
    return max(1, math.ceil(pods * connections / (CONNECTIONS_MAX - connections - MORE)))


def _kubelet(world):
    from stand_in_kubelet import Kubelet  # The tests' own, with the Kubernetes client of build/venv.

    return Kubelet(world.kubeconfig, RELEASE / "gateway" / "sluice-gateway", world.folder / "pods")


def _round(world, options, kubelet, namespace):
    receivers = receivers_for(options.drain_pods, options.drain_connections)
    with contextlib.ExitStack() as undo:
        operator = undo.enter_context(world.operator())
        undo.callback(world.wait_gone, namespace, PATIENCE_S)
        undo.enter_context(world.namespace(namespace))
        path = world.make_gateway(
            namespace,
            "edge",
            replicas=options.drain_pods + receivers,
            template={"spec": {"nodeSelector": {"kubernetes.io/hostname": "stand-in"}, "terminationGracePeriodSeconds": 30}},
            scaleDown={"maxConcurrentDrains": options.drain_pods},
            reconnectBudget={"perSecondPerReceiver": math.ceil(options.drain_rate / receivers), "perSecondMax": options.drain_rate},
            drain={"propagationDelay": "2s", "hintJitter": HINT_JITTER, "timeout": "5m"},
        )
        count = options.drain_pods + receivers
        wait_until(lambda: world.kube.get(path).get("status", {}).get("readyReplicas") == count, f"{count} ready pods", PATIENCE_S, [operator])
        addresses = sorted(pod["status"]["podIP"] for pod in world.pods(namespace))
        staying, going = addresses[:receivers], addresses[receivers:]
        stay = [Clients(world, undo, namespace, address, options.drain_connections + MORE, ()) for address in staying]
        go = [Clients(world, undo, namespace, address, options.drain_connections, staying) for address in going]
        for clients in (*stay, *go):
            clients.wait_connected()
        # The operator has to know that those who stay hold more.
        total = options.drain_connections * count + MORE * receivers
        wait_until(lambda: _counted(world, path) >= 0.99 * total, "the operator to know of all connections", PATIENCE_S, [operator])
        world.kube.scale(path, receivers)
        wait_until(lambda: len(world.kube.items(pods_path(namespace))) == receivers, "the drained pods to be gone", PATIENCE_S, [operator])
        left = {pod["status"]["podIP"] for pod in world.kube.items(pods_path(namespace))}
        if left != set(staying):
            raise BenchError(f"other pods were drained than those with fewer connections: {sorted(left)} are left, not {staying}")
        seen = Seen([line for clients in go for line in clients.departures()], sum(clients.abnormal() for clients in go))
        expected = options.drain_pods * options.drain_connections
        if len(seen.ends) != expected:
            raise BenchError(f"{len(seen.ends)} ends were noted, and {expected} connections were drained")
        for clients in (*stay, *go):
            clients.stop()
        return seen


def _counted(world, path):
    return world.kube.get(path).get("status", {}).get("connections", {}).get("active", 0)


class Clients:
    """One load generator, its clients all on one pod until they are told to go."""

    def __init__(self, world, undo, namespace, address, count, then):
        name = f"{namespace}-{address}"
        self._count = count
        self._departures = world.logs / f"{name}.departures"
        words = [
            *(RELEASE / "bench" / "sluice-loadgen", "--url", f"ws://{address}:8080", "--clients", count, "--connect-rate", CONNECTS_PER_SECOND),
            *("--rate", 0, "--deaf-rate", 0, "--report-interval", "200ms", "--departures", self._departures),
        ]
        if then:
            words += ["--then-url", ",".join(f"ws://{each}:8080" for each in then)]
        # Reports go to a file, whose last line is read where one is needed: a pipe that nobody empties would hold the clients up.
        self._reports = world.logs / f"{name}.reports"
        with open(self._reports, "wb") as output:
            self._process = Process(words, world.logs / f"{name}.log", f"clients of {address}", stdin=subprocess.PIPE, stdout=output)
        undo.callback(self._process.stop)

    def _report(self):
        text = self._reports.read_text()
        lines = text[: text.rfind("\n")].splitlines()
        report = json.loads(lines[-1]) if lines else {}
        return report.get("final", report)

    def wait_connected(self):
        wait_until(lambda: self._report().get("connected") == self._count, f"{self._count} clients on {self._process.name}", PATIENCE_S, [self._process])

    def departures(self):
        """Once all have gone; a report later than that has everything in the file."""
        t = self._report()["t"]
        wait_until(lambda: self._report()["t"] > t + 0.5, "a report", PATIENCE_S, [self._process])
        return self._departures.read_text().splitlines()

    def abnormal(self):
        return self._report()["ends"]["abnormal"]["total"]

    def stop(self):
        self._process.stdin.close()
        self._process.wait()
