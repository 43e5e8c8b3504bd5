"""What `kubectl rtgw` meets: pods that the API server's proxy reaches, and an operator that is a pod."""

import contextlib
import os
import random
import subprocess

from kubernetes.client.exceptions import ApiException
from operators import SYSTEM, Operators
from stand_in_kubelet import Kubelet
from waiting import eventually

# The chart's and the gateway's: the plugin knows them.
PROBE_PORT = 8080


@contextlib.contextmanager
def local_network():
    """Three bytes of addresses that are this machine's and no loopback: the API server's proxy refuses those. Gone afterwards."""
    network = f"10.{random.randint(200, 250)}.{random.randint(1, 250)}"
    route = ["ip", "route", "replace", "local", f"{network}.0/24", "dev", "lo", "table", "local"]
    subprocess.run(route, check=True)
    try:
        yield network
    finally:
        subprocess.run(["ip", "route", "del", *route[3:]], check=True)


class ProxiedKubelet(Kubelet):
    """A node whose pods have addresses of `network`, from 10 on."""

    def __init__(self, kubeconfig, program, folder, network):
        super().__init__(kubeconfig, program, folder)
        self._addresses = (f"{network}.{host}" for host in range(10, 255))


class OperatorPods(Operators):
    """Operators that lead by the Lease, each with a pod object that names it and its address."""

    def __init__(self, program, kubeconfig, folder, api, address):
        super().__init__(program, kubeconfig, folder)
        self._api, self._address = api, address
        self.names = []

    def start(self, elect=True):
        name = f"sluice-operator-{random.randrange(16**6):06x}"
        pod = {
            "metadata": {"name": name},
            "spec": {"schedulerName": "nobody", "containers": [{"name": "operator", "image": "none", "ports": [{"name": "metrics", "containerPort": PROBE_PORT}]}]},
        }
        self._api.core.create_namespaced_pod(SYSTEM, pod)
        self.names.append(name)
        status = {"phase": "Running", "podIP": self._address, "podIPs": [{"ip": self._address}]}
        self._api.core.patch_namespaced_pod_status(name, SYSTEM, {"status": status})
        operator = _Operator(self._program, self._kubeconfig, self._folder / f"{name}.log", name, self._address)
        self.all.append(operator)
        eventually(operator.leads, "the operator to lead")
        return operator

    def end(self):
        super().end()
        for name in self.names:
            with contextlib.suppress(ApiException):
                self._api.core.delete_namespaced_pod(name, SYSTEM, grace_period_seconds=0)


class _Operator:
    """One process."""

    def __init__(self, program, kubeconfig, log_file, name, address):
        self.name = name
        self.log_file = log_file
        command = [program, "--kubeconfig", kubeconfig, "--namespace", SYSTEM, "--metrics-address", f"{address}:{PROBE_PORT}"]
        with log_file.open("wb") as log:
            self.process = subprocess.Popen(command, env={**os.environ, "POD_NAME": name}, stdout=log, stderr=subprocess.STDOUT)

    @property
    def log(self):
        return self.log_file.read_text()

    def leads(self):
        assert self.running(), self.log
        return 'msg="controller started"' in self.log

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=30)

    def running(self):
        return self.process.poll() is None
