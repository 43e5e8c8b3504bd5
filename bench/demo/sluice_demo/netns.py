"""A network namespace for the load generator: its own addresses, routed by the host to the Services, like clients from outside."""

import contextlib
import os
import subprocess
from pathlib import Path

from sluice_cluster import clients

from .errors import DemoError

SOURCES = 8
IP_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


def _ip(*words, check=True):
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise DemoError(f"ip {' '.join(map(str, words))} failed: {done.stderr.strip()}")
    return done


class LoadNamespace:
    """`with LoadNamespace(settings of the cluster) as namespace`: everything of it is gone at the end, the veth pair with it.

    What a demo that was killed has left behind goes first; the names say whose it is (sluice_cluster/clients.py).
    """

    def __init__(self, settings):
        # The upper half of the cluster's network is meant for load generators (tests/cluster): kube-proxy leaves the
        # sources of packets from there as they are. The last /24 of it.
        self._settings = settings
        self._network = list(settings.cluster_cidr.subnets(new_prefix=24))[-1]
        self.name = clients.namespace_name("load")
        self._outer = f"slo{os.getpid()}"
        self._inner = f"sli{os.getpid()}"
        self._undo = contextlib.ExitStack()

    @property
    def sources(self):
        return [str(self._network[2 + i]) for i in range(SOURCES)]

    def __enter__(self):
        clients.remove_abandoned(self._settings)
        with contextlib.ExitStack() as undo:
            self._set_up(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self._undo.close()

    def _set_up(self, undo):
        _ip("netns", "add", self.name)
        undo.callback(_ip, "netns", "delete", self.name, check=False)
        _ip("link", "add", self._outer, "type", "veth", "peer", "name", self._inner, "netns", self.name)
        # The pair goes with its namespace, but in the kernel's own time; this does it now.
        undo.callback(_ip, "link", "delete", self._outer, check=False)
        gateway = self._network[1]
        _ip("address", "add", f"{gateway}/{self._network.prefixlen}", "dev", self._outer)
        _ip("link", "set", self._outer, "up")
        _ip("-n", self.name, "link", "set", "lo", "up")
        for source in self.sources:
            _ip("-n", self.name, "address", "add", f"{source}/{self._network.prefixlen}", "dev", self._inner)
        _ip("-n", self.name, "link", "set", self._inner, "up")
        _ip("-n", self.name, "route", "add", "default", "via", gateway)
        self._write_sysctl("net/ipv4/ip_local_port_range", "1024 65535")
        before = IP_FORWARD.read_text()
        if before.strip() != "1":
            IP_FORWARD.write_text("1")
            undo.callback(IP_FORWARD.write_text, before)

    def _write_sysctl(self, name, value):
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, "sh", "-c", f"echo {value} > /proc/sys/{name}"], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise DemoError(f"cannot set {name}: {done.stderr.strip()}")

    def wrap(self, words):
        """The command that runs `words` inside."""
        return ["ip", "netns", "exec", self.name, *words]
