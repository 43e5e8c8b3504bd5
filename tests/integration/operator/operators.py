"""sluice-operator as processes of this machine, started, stopped and killed as a test likes."""

import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

from waiting import eventually

SYSTEM = "sluice-system"


class Operator:
    """One process. Its log is `log`."""

    def __init__(self, program, kubeconfig, folder, number, elect, image):
        self.log_file = Path(folder) / f"operator-{number}.log"
        self.port = _free_port()
        command = [program, "--kubeconfig", kubeconfig, "--namespace", SYSTEM, "--metrics-address", f"127.0.0.1:{self.port}"]
        command += [f"--leader-elect={'true' if elect else 'false'}", "--log-level=debug", *(["--gateway-image", image] if image else [])]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    @property
    def log(self):
        return self.log_file.read_text()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def metric(self, series):
        """The value of one series, written as the text format writes it."""
        for line in self.get("/metrics").splitlines():
            if line.startswith(series + " "):
                return float(line.rpartition(" ")[2])
        return None

    def writes(self, code=None):
        """Calls that change something, or would in earnest (dry runs), since it started; only those answered with `code`."""
        calls = [line for line in self.get("/metrics").splitlines() if line.startswith("rest_client_requests_total{")]
        changing = [line for line in calls if any(f'method="{verb}"' in line for verb in ("POST", "PUT", "PATCH", "DELETE"))]
        return sum(float(line.rpartition(" ")[2]) for line in changing if code is None or f'code="{code}"' in line)

    def leads(self):
        return 'msg="controller started"' in self.log

    def kill(self):
        """As a crash: no chance to tidy up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """As a kubelet would; answers the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=30)

    def running(self):
        return self.process.poll() is None


class Operators:
    """Makes operators and ends those that are left."""

    def __init__(self, program, kubeconfig, folder):
        self._program, self._kubeconfig, self._folder = program, kubeconfig, folder
        self.all = []

    def start(self, elect=False, image=None):
        """`image`: of gateways whose template names none; None: the operator's own default."""
        operator = Operator(self._program, self._kubeconfig, self._folder, len(self.all), elect, image)
        self.all.append(operator)
        eventually(lambda: 'msg="started"' in operator.log or not operator.running(), "the operator to start")
        assert operator.running(), operator.log
        return operator

    def running(self):
        return [operator for operator in self.all if operator.running()]

    def end(self):
        for operator in self.running():
            assert operator.stop() == 0, operator.log


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
