"""Programs that a benchmark runs, and what /proc says of them."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from . import exposition
from .errors import BenchError

STOP_S = 40
TAIL_LINES = 15
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory_mb(status_text, field):
    """VmRSS or VmHWM of /proc/PID/status, in millions of bytes. Pure."""
    return int(re.search(rf"^{field}:\s+(\d+) kB$", status_text, re.MULTILINE)[1]) * 1024 / 1e6


def cpu_ticks(stat_text):
    """User and system time of /proc/PID/stat, in clock ticks. The name before them may hold anything, parentheses too. Pure."""
    fields = stat_text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Process:
    """One program. Its output goes to a log."""

    def __init__(self, words, log, name=None, stdin=None, stdout=None):
        self.name = name or Path(words[0]).name
        self.log = Path(log)
        with open(self.log, "ab") as output:
            self._popen = subprocess.Popen(
                [str(word) for word in words], stdin=stdin, stdout=stdout or output, stderr=output if stdout else subprocess.STDOUT, start_new_session=True
            )

    @property
    def pid(self):
        return self._popen.pid

    @property
    def pipe(self):
        """Its standard output, where stdout=PIPE was asked for."""
        return self._popen.stdout

    @property
    def stdin(self):
        return self._popen.stdin

    def running(self):
        return self._popen.poll() is None

    def check(self):
        """BenchError with the end of its log where it has ended."""
        if not self.running():
            raise BenchError(f"{self.name} ended with {self._popen.returncode}: {self.tail()}")

    def tail(self):
        return "\n  ".join(["", *self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]])

    def logged(self, text):
        return text in self.log.read_text(errors="replace")

    def rss_mb(self, field="VmRSS"):
        return memory_mb(Path(f"/proc/{self.pid}/status").read_text(), field)

    def cpu_seconds(self):
        return cpu_ticks(Path(f"/proc/{self.pid}/stat").read_text()) / TICKS_PER_SECOND

    def signal(self, number):
        self._popen.send_signal(number)

    def wait(self, at_most_s=STOP_S):
        return self._popen.wait(at_most_s)

    def stop(self):
        """SIGTERM; SIGKILL where that is not enough. Answers the exit code."""
        if self.running():
            self._popen.terminate()
            try:
                self._popen.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        return self._popen.wait()


class Served(Process):
    """A program with /metrics."""

    histogram = ""

    def __init__(self, words, port, log, name):
        self.port = port
        super().__init__(words, log, name)

    def get(self, path="/metrics"):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def metrics(self):
        """None while it does not answer."""
        with contextlib.suppress(OSError):
            return self.get()
        return None

    def latencies(self):
        return exposition.buckets(self.get(), self.histogram)

    def reconciles(self):
        """With those that our operator was spared."""
        text = self.get()
        return sum(exposition.total(text, name) for name in ("controller_runtime_reconcile_total", "sluice_operator_looks_skipped_total"))


class Operator(Served):
    """sluice-operator as a chart runs it, with leader election."""

    histogram = "sluice_operator_event_latency_seconds"

    def __init__(self, program, kubeconfig, log, name="sluice-operator"):
        port = free_port()
        words = [program, "--kubeconfig", kubeconfig, "--namespace", "sluice-system", "--metrics-address", f"127.0.0.1:{port}"]
        self._marker = log.stat().st_size if log.exists() else 0
        super().__init__(words, port, log, name)

    def logged(self, text):
        """Of this process: the log may hold an earlier one's."""
        with open(self.log, "rb") as file:
            file.seek(self._marker)
            return text in file.read().decode(errors="replace")

    def leads(self):
        return self.logged('msg="controller started"')

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait()

    def states_heard(self):
        return exposition.total(self.get(), "sluice_operator_admin_calls_total", verb="state", result="ok")


class Peer(Served):
    """The controller-runtime manager."""

    histogram = "bench_event_latency_seconds"

    def __init__(self, program, kubeconfig, log, name="controller-runtime"):
        port = free_port()
        super().__init__([program, "manager", "--kubeconfig", kubeconfig, "--metrics-address", f"127.0.0.1:{port}"], port, log, name)

    def leads(self):
        """Once it has reconciled what it has listed."""
        text = self.metrics()
        return text is not None and exposition.total(text, "controller_runtime_reconcile_total") > 0


def cpu_percent(process, seconds):
    """Of one core, over so long from now."""
    before, began = process.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return 100 * (process.cpu_seconds() - before) / (time.monotonic() - began)
