"""kube_probe, one part of common/kube as a process, and what it has said so far."""

import contextlib
import json
import queue
import signal
import subprocess
import threading

from control_plane import PATIENCE_S


class Probe:
    """A running probe. What it says is kept, so that nothing is missed between two questions."""

    def __init__(self, program, environment, words):
        self._process = subprocess.Popen(
            [program, *words], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.told = []

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)  # it has ended

    def next(self):
        """The next thing that it says; None at its end. `told` grows by what its callbacks told."""
        line = self._lines.get(timeout=PATIENCE_S)
        if line and "told" in line:
            self.told.append(line["told"])
        return line

    def wait_for(self, key):
        """Reads until it says something about `key`, and answers that."""
        while True:
            line = self.next()
            assert line is not None, f"the probe ended before it said {key}; told: {self.told}"
            if key in line:
                return line[key]

    def wait_told(self, *texts):
        """Reads until all of `texts` were told, in whatever order."""
        while not set(texts) <= set(self.told):
            assert self.next() is not None, f"the probe ended before it told {texts}; told: {self.told}"

    def ask(self, line):
        """Sends a line and answers what comes back to it; what was told before stays told."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        while True:
            answer = self.next()
            assert answer is not None, "the probe has ended"
            if "told" not in answer:
                return answer

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        """As a crash: nothing is said goodbye to."""
        self._process.kill()
        self._process.wait()

    def end(self):
        """In good order; answers the exit status."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        status = self._process.wait(timeout=PATIENCE_S)
        self._reader.join()
        while not self._lines.empty():
            self.next()
        return status

    def close(self):
        """Whatever state the test left it in."""
        self.kill()
        self._reader.join()
        self._process.stdin.close()
        self._process.stdout.close()
