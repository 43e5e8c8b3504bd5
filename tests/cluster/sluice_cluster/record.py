"""What is remembered about a cluster from its start to its end.

It lies in /run, where it survives `rm -rf build` and `git clean` of a checkout whose cluster still runs. A copy lies in
the state folder, where it survives a reboot. `cluster down` can tidy up after both.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
from pathlib import Path

from . import processes
from .errors import ClusterError
from .settings import Settings

RUN_DIR = Path("/run/sluice-cluster")


@dataclasses.dataclass
class Record:
    """A cluster that was started and not yet taken down. With another `boot_id` only its files can be left."""

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
        for folder in (self.folder, self.settings.state):
            temporary = folder / "cluster.tmp"
            temporary.write_text(json.dumps(values, indent=1))
            temporary.rename(folder / "cluster.json")

    def forget(self):
        (self.settings.state / "cluster.json").unlink(missing_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)


def load(settings):
    """The record of the cluster in this state folder, or None."""
    return _load(RUN_DIR / settings.identity) or _load(settings.state)


def _load(folder):
    try:
        values = json.loads((folder / "cluster.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise ClusterError(f"{folder}/cluster.json cannot be read: {error}") from error
    return Record(**{**values, "settings": Settings.from_json(values["settings"])})


def load_all():
    """The records of all clusters of this machine."""
    found = (_load(folder) for folder in sorted(RUN_DIR.glob("*/")))
    return [record for record in found if record is not None]


def load_full_node():
    """The record of the machine's one full node, whatever its state folder, or None."""
    return next((record for record in load_all() if not record.settings.control_plane_only), None)


@contextlib.contextmanager
def locked(settings):
    """Holds a cluster's lock and, for a node, the machine's. Fails at once if taken: waiting would look like a hang."""
    names = [settings.identity] if settings.control_plane_only else [settings.identity, "node"]
    with contextlib.ExitStack() as locks:
        locks.callback(_tidy)
        for name in names:
            lock = locks.enter_context(_lock_file(RUN_DIR / f"{name}.lock"))
            locks.callback(os.unlink, lock.name)
        yield


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


def _tidy():
    """Removes the folder in /run when the last cluster has gone."""
    with contextlib.suppress(OSError):
        RUN_DIR.rmdir()
