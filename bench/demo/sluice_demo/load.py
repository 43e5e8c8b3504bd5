"""The load generator as a process: commands in, reports out."""

import json
import subprocess
import threading
import time

from .errors import DemoError
from .observations import Broken, LoadReported

STOP_WAIT_S = 60.0  # The load generator itself gives up after 40.


class Load:
    """`report(observation)` is called from a thread of its own for every line. The process ends with close() at the latest."""

    def __init__(self, words, log, report):
        self._report = report
        self._final = None
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True, name="load reports")
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            answer = json.loads(line)
            if "error" in answer:
                self._report(Broken(time.monotonic(), f"the load generator refused a command: {answer['error']}"))
            elif "final" in answer:
                self._final = answer["final"]
                self._report(LoadReported(time.monotonic(), self._final))
            else:
                self._report(LoadReported(time.monotonic(), answer))
        if self._final is None:
            self._report(Broken(time.monotonic(), "the load generator ended by itself; its log says why"))

    def command(self, **fields):
        try:
            self._process.stdin.write(json.dumps(fields) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise DemoError("the load generator ended by itself; its log says why") from error

    def stop(self):
        """Lets every client leave and answers the final report; None if there was none in time."""
        self.command(stop=True)
        self._reader.join(STOP_WAIT_S)
        return self._final

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
