"""The operator under test as a process, one run's at a time."""

import asyncio
import contextlib
from pathlib import Path

STOP_S = 30


class OperatorProcess:
    """Threads: the event loop's. `log_file` is the log of this one process."""

    def __init__(self, program, folder, number, kubeconfig, namespace, elect):
        self.number = number
        self.log_file = Path(folder) / f"operator-{number}.log"
        self._words = [program, "--kubeconfig", kubeconfig, "--namespace", namespace, "--watch-namespace", namespace]
        self._words += ["--metrics-address", "127.0.0.1:0", f"--leader-elect={'true' if elect else 'false'}", "--log-level=debug"]
        self._process = None
        self.killed = False

    async def start(self):
        with self.log_file.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*map(str, self._words), stdout=log, stderr=log)

    @property
    def exit_code(self):
        return self._process.returncode

    async def kill(self):
        """SIGKILL; returns when it is dead."""
        self.killed = True
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def wait(self):
        return await self._process.wait()

    async def stop(self):
        """SIGTERM, as a kubelet would; its exit code, or None where it had to be killed."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            await self.kill()
            return None

    @property
    def log(self):
        return self.log_file.read_text(errors="replace")
