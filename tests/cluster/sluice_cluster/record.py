"""What is remembered about a running cluster outside its state folder.

It lies in /run, so it ends with the boot that the processes and mounts end with, and it survives `rm -rf build` and `git clean` of a
checkout whose cluster still runs: `cluster down` can tidy up after those too.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
from pathlib import Path

from . import processes
from .errors import ClusterError
from .settings import Settings

RUN_DIR = Path("/run/sluice-cluster")


@dataclasses.dataclass
class Record:
    """A cluster that was started and not yet taken down. `boot_id` tells leftovers of an earlier boot, where /run is not a tmpfs."""

    settings: Settings
    boot_id: str
    sysctls: dict  # name -> value before the start, to be restored
    absent_folders: list  # host folders that did not exist before the start
    forward_rules: list  # iptables rules added, each the words after -I or -D

    @property
    def folder(self):
        return RUN_DIR / self.settings.identity

    @property
    def process_folder(self):
        return self.folder / "processes"

    def processes(self):
        return processes.load_all(self.process_folder)

    def alive(self):
        """Names of the recorded processes that run."""
        return {name for name, process in self.processes().items() if processes.is_alive(process)}

    def save(self):
        self.process_folder.mkdir(parents=True, exist_ok=True)
        values = {**dataclasses.asdict(self), "settings": self.settings.to_json()}
        temporary = self.folder / "cluster.tmp"
        temporary.write_text(json.dumps(values, indent=1))
        temporary.rename(self.folder / "cluster.json")

    def forget(self):
        for path in [*self.process_folder.glob("*"), *self.folder.glob("cluster.*")]:
            path.unlink()
        self.process_folder.rmdir()
        self.folder.rmdir()


def load(settings):
    """The record of the cluster in this state folder, or None."""
    return _load(RUN_DIR / settings.identity)


def _load(folder):
    try:
        values = json.loads((folder / "cluster.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Record(**{**values, "settings": Settings.from_json(values["settings"])})


def load_full_node():
    """The record of the machine's one full node, whatever its state folder, or None."""
    for folder in sorted(RUN_DIR.glob("*/")):
        found = _load(folder)
        if found is not None and not found.settings.control_plane_only:
            return found
    return None


@contextlib.contextmanager
def locked(name):
    """Holds the machine-wide lock `name`, or fails at once if somebody else does: waiting for a start of minutes would look like a hang."""
    path = RUN_DIR / f"{name}.lock"
    with _lock_file(path) as lock:
        try:
            yield
        finally:
            os.unlink(lock.name)


def _lock_file(path):
    while True:
        RUN_DIR.mkdir(mode=0o755, exist_ok=True)
        try:
            lock = open(path, "w", encoding="utf-8")
        except FileNotFoundError:  # the last holder removed the folder in between
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock.fileno()).st_ino == os.stat(path).st_ino:
                return lock
        except FileNotFoundError:  # the last holder removed the file that we opened: the lock is on nothing
            pass
        except BlockingIOError:
            lock.close()
            raise ClusterError(f"another `cluster up` or `cluster down` is at work (it holds {path})") from None
        lock.close()


def tidy():
    """Removes the folder in /run when the last cluster has gone."""
    with contextlib.suppress(OSError):
        RUN_DIR.rmdir()
