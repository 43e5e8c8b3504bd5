"""Starting, recognising and ending processes.

A process is known by its pid and its start time together with the boot: a pid alone may belong to somebody else by the
time we want to end it. Signals go through a pidfd that is opened before the start time is compared, so the pid cannot
change hands in between.
"""

import contextlib
import dataclasses
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from .errors import ClusterError
from .stored import known_fields

# Enters the cgroups before the program starts, so that not even its first child is outside.
ENTER_CGROUPS = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'


@dataclasses.dataclass(frozen=True)
class ProcessRecord:
    """One started process. `start_ticks` is field 22 of /proc/PID/stat, in clock ticks since boot."""

    name: str
    pid: int
    start_ticks: int
    boot_id: str


def boot_id():
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat_fields(pid):
    """Fields of /proc/PID/stat from the third on (the second, the name, may hold blanks); None without a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def start_ticks(pid):
    """Start time of a running process; None if it has ended, also if only its zombie is left."""
    fields = _stat_fields(pid)
    if fields is None or fields[0] in "ZX":
        return None
    return int(fields[19])


def is_alive(record):
    return record.boot_id == boot_id() and start_ticks(record.pid) == record.start_ticks


def spawn(name, argv, log, cwd, cgroups=()):
    """Starts `argv` in a session of its own with its output appended to `log`. Returns its record."""
    if cgroups:
        argv = ["/bin/sh", "-c", ENTER_CGROUPS, "sh", *map(str, cgroups), "--", *argv]
    # A proxy for the Internet must not stand between the parts of the cluster.
    env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    with open(log, "ab") as output:
        child = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
    ticks = start_ticks(child.pid)
    if ticks is None:
        raise ClusterError(f"{name} ended at once; last words: {last_words(log)}")
    return ProcessRecord(name, child.pid, ticks, boot_id())


def last_words(log):
    """The last line of a log that says something, shortened to fit a terminal."""
    try:
        lines = Path(log).read_text(errors="replace").splitlines()
    except OSError:
        return "(no log)"
    lines = [line for line in lines if line.strip()]
    return lines[-1][:400] if lines else "(nothing)"


def kill_all(records, deadline_s=10.0):
    """Ends those of `records` that are still what they were, with SIGKILL, and waits until they are gone.

    There is no gentle way on purpose: the data of a test cluster is thrown away, and what has to be tidied up after a
    crash is tidied up on every `down`, so that this code is never the untested branch.
    """
    with contextlib.ExitStack() as descriptors:
        ending = []
        for record in records:
            descriptor = _open(record.pid)
            if descriptor is None:
                continue
            descriptors.callback(os.close, descriptor)
            if is_alive(record):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                ending.append((descriptor, record))
        for descriptor, record in ending:
            _await_exit(descriptor, record, deadline_s)


def _open(pid):
    """A pidfd, or None where no process has that pid: not even where a thread has it by now, which kernels before 6.9
    answer with EINVAL and later ones with ENOENT."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.ENOENT, errno.EINVAL):
            return None
        raise


def _await_exit(descriptor, record, deadline_s):
    """A pidfd becomes readable when its process has ended."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(deadline_s * 1000):
        raise ClusterError(f"{record.name} (pid {record.pid}) does not end on SIGKILL")
    with contextlib.suppress(ChildProcessError):
        os.waitpid(record.pid, os.WNOHANG)  # our own child, when `up` itself has to give up


def kill_pids(pids_of, what, deadline_s=10.0):
    """Kills what `pids_of()` returns until it returns nothing: containers may still fork while they are killed."""
    end = time.monotonic() + deadline_s
    while pids := pids_of():
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > end:
            raise ClusterError(f"{what} does not end on SIGKILL: pids {' '.join(map(str, sorted(pids)))}")
        time.sleep(0.02)


def save(record, folder):
    path = Path(folder) / f"{record.name}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(dataclasses.asdict(record)))
    temporary.rename(path)


def load_all(folder):
    """Records of a folder by name, without files that are torn, of which `save` leaves none."""
    records = {}
    for path in sorted(Path(folder).glob("*.json")):
        try:
            record = ProcessRecord(**known_fields(ProcessRecord, json.loads(path.read_text())))
        except (ValueError, TypeError, AttributeError):
            continue
        records[record.name] = record
    return records


def _socket_inodes(pid):
    """'socket:[N]' of every socket that a process has open; empty if it ends meanwhile."""
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(os.readlink(descriptor))
    return found


def unix_sockets(pids):
    """File names of the Unix sockets that the processes have bound."""
    held = set().union(*map(_socket_inodes, pids))
    lines = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return {fields[7] for fields in lines if len(fields) > 7 and f"socket:[{fields[6]}]" in held}


def _listeners():
    """(address as the kernel writes it, port, 'socket:[N]') of every TCP listener of this network namespace."""
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):  # no IPv6 in this kernel
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                address, _, port = fields[1].rpartition(":")
                if fields[3] == "0A":  # LISTEN
                    yield address, int(port, 16), f"socket:[{fields[9]}]"


def somebody_listens_on(address):
    """Whether a TCP port of an IPv4 address is served, be it by a process of another PID namespace."""
    written = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"
    return any(found == written for found, _, _ in _listeners())


def owner_of_port(port):
    """'name (pid N)' of the process that listens on a TCP port, or a phrase that says why it is not known."""
    inodes = {inode for _, listening, inode in _listeners() if listening == port}
    if not inodes:
        return "a process that binds it without listening"
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and inodes & _socket_inodes(directory.name):
            return f"{(directory / 'comm').read_text().strip()} (pid {directory.name})"
    return "a process outside this PID namespace"


def running():
    """(pid, name) of every process that runs."""
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and start_ticks(directory.name) is not None:
            with contextlib.suppress(OSError):
                yield int(directory.name), (directory / "comm").read_text().strip()


def named(name):
    """Pids of the programs of that name that run."""
    return [pid for pid, found in running() if found == name]
