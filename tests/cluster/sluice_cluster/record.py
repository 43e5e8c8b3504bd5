"""What is remembered about a cluster from its start to its end.

It lies in /run, where it survives `rm -rf build` and `git clean` of a checkout whose cluster still runs. A copy lies in
the state folder, where it survives a reboot. `cluster down` can tidy up after both.
"""

import contextlib
import dataclasses
import fcntl
import functools
import json
import os
import shutil
import sys
from pathlib import Path

from . import processes
from .errors import ClusterError
from .settings import Settings
from .stored import known_fields

RUN_DIR = Path("/run/sluice-cluster")
# Of the file. Counted up where an older version could no longer take a cluster down by what it reads; more fields alone
# are no reason.
FORMAT = 1
# Names the process (by its pid) that a cluster is started for, and without which nobody needs it.
OWNER_VARIABLE = "SLUICE_CLUSTER_OWNER"


@dataclasses.dataclass
class Record:
    """A cluster that was started and not yet taken down. With another `boot_id` only its files can be left."""

    settings: Settings
    boot_id: str
    sysctls: dict  # name -> value before the start, to be restored
    absent_folders: list  # host folders that did not exist before the start
    forward_rules: list  # iptables rules added, each the words after -I or -D
    owner: processes.ProcessRecord | None = None  # None: the cluster lives until somebody says `down`

    @property
    def abandoned(self):
        """Whether its owner has ended without taking it down."""
        return self.owner is not None and not processes.is_alive(self.owner)

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
        values = {"format": FORMAT, **dataclasses.asdict(self), "settings": self.settings.to_json()}
        for folder in (self.folder, self.settings.state):
            temporary = folder / "cluster.tmp"
            temporary.write_text(json.dumps(values, indent=1))
            temporary.rename(folder / "cluster.json")

    def forget(self):
        (self.settings.state / "cluster.json").unlink(missing_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)


def load(settings):
    """The record of the cluster in this state folder, or None. ClusterError where it cannot be understood."""
    return _load(RUN_DIR / settings.identity) or _load(settings.state)


def _load(folder):
    path = folder / "cluster.json"
    try:
        return _understood(json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClusterError(
            f"{path} cannot be understood ({type(error).__name__}: {error}); take the cluster down with the version of "
            "this tool that started it, or remove that file where nothing of the cluster runs"
        ) from error


def _understood(values):
    if values.get("format", FORMAT) > FORMAT:
        raise ValueError(f"its format is {values['format']}, this version knows {FORMAT}")
    owner = values.get("owner")
    return Record(
        **{
            **known_fields(Record, values),
            "settings": Settings.from_json(values["settings"]),
            "owner": owner and processes.ProcessRecord(**known_fields(processes.ProcessRecord, owner)),
        }
    )


def owner_from_environment():
    """The process that OWNER_VARIABLE names, or None."""
    pid = os.environ.get(OWNER_VARIABLE)
    if not pid:
        return None
    ticks = processes.start_ticks(pid) if pid.isdigit() else None
    if ticks is None:
        raise ClusterError(f"{OWNER_VARIABLE} is {pid}, and no process with that pid runs; unset it")
    return processes.ProcessRecord("owner", int(pid), ticks, processes.boot_id())


def _scan():
    """(record, complaint) of every cluster of this machine; one of the two is None."""
    for folder in sorted(RUN_DIR.glob("*/")):
        try:
            known = _load(folder)
        except ClusterError as error:
            yield None, str(error)
            continue
        if known is not None:
            yield known, None


def load_all():
    """The records of all clusters of this machine. One that cannot be understood is somebody else's, and no reason for
    us to fail: it is told once and skipped."""
    found = []
    for known, complaint in _scan():
        if complaint is None:
            found.append(known)
        else:
            _warn(complaint)
    return found


@functools.cache
def _warn(complaint):
    print(f"cluster: skipped: {complaint}", file=sys.stderr, flush=True)


def load_full_node():
    """The record of the machine's one full node, whatever its state folder, or None."""
    return next((record for record in load_all() if not record.settings.control_plane_only), None)


def may_be_of_a_node():
    """Whether a record is there that is of a node, or that cannot be understood."""
    return any(complaint or not known.settings.control_plane_only for known, complaint in _scan())


@contextlib.contextmanager
def locked(settings, beside=None):
    """Holds a cluster's lock and, for a node, the machine's; but for those that the caller holds for `beside`.

    Fails at once if taken: waiting would look like a hang.
    """
    names = [name for name in _locks(settings) if beside is None or name not in _locks(beside)]
    with contextlib.ExitStack() as locks:
        locks.callback(_tidy)
        for name in names:
            lock = locks.enter_context(_lock_file(RUN_DIR / f"{name}.lock"))
            locks.callback(os.unlink, lock.name)
        yield


def _locks(settings):
    return [settings.identity] if settings.control_plane_only else [settings.identity, "node"]


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
