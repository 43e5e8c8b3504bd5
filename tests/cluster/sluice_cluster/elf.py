"""Which shared libraries a program loads."""

import re
import subprocess

from .errors import ClusterError

# "libfoo.so.1 => /lib/libfoo.so.1 (0x...)" and, for the loader itself, "/lib64/ld-linux-x86-64.so.2 (0x...)".
FOUND = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$")
MISSING = re.compile(r"^\s+(\S+) => not found$")


def shared_libraries(program):
    """Absolute paths of the libraries and the loader, sorted, by the names that the loader looks for. Empty for a
    static program.

    Raises ClusterError for something that is no program of this machine, or whose libraries are not all installed.
    """
    with _open(program) as file:
        if file.read(4) != b"\x7fELF":
            raise ClusterError(f"{program} is not an ELF program")
    listed = subprocess.run(
        ["ldd", program], capture_output=True, text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, check=False
    )
    if "not a dynamic executable" in listed.stderr or "statically linked" in listed.stdout:
        return []
    if listed.returncode != 0:
        raise ClusterError(f"ldd {program} failed: {(listed.stderr or listed.stdout).strip()}")
    lines = listed.stdout.splitlines()
    missing = [match[1] for match in map(MISSING.match, lines) if match]
    if missing:
        raise ClusterError(f"{program} needs {', '.join(missing)}, which is not installed")
    return sorted({match[1] for match in map(FOUND.match, lines) if match})


def _open(program):
    try:
        return open(program, "rb")
    except OSError as error:
        raise ClusterError(f"{program}: {error.strerror}") from error
