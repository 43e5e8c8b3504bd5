"""Finding a Go that can build this module, and running it."""

import glob
import os
import re
import shutil
import subprocess
import sys
import threading

from .errors import ClusterError
from .settings import SOURCE_DIR

OLDEST_THAT_FETCHES_TOOLCHAINS = (1, 21)
ERROR_LINES_SHOWN = 30


def required_version():
    """The `go` line of go.mod, as numbers."""
    return _numbers(re.search(r"^go (\S+)", (SOURCE_DIR / "go.mod").read_text(), re.MULTILINE)[1])


def _numbers(version):
    """(1, 26, 7) of "1.26.7"; also of "1.26rc1", whose patch counts as 0."""
    major, minor, patch = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version).groups()
    return int(major), int(minor), int(patch or 0)


def _candidates():
    """PATH first, then where Go's own installer and Debian's versioned packages put it, the newest of those first."""
    versioned = glob.glob("/usr/lib/go-*/bin/go")
    versioned.sort(key=lambda path: [int(number) for number in re.findall(r"\d+", path)], reverse=True)
    on_path = shutil.which("go")
    return [path for path in (on_path, "/usr/local/go/bin/go", *versioned) if path and os.path.exists(path)]


def _probe(go):
    """The version of the Go itself, not of a toolchain that it would fetch."""
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    asked = subprocess.run([go, "version"], env=env, cwd="/", capture_output=True, text=True, check=False)
    match = re.search(r"go(\d+\.\d+\S*)", asked.stdout)
    return _numbers(match[1]) if match else (0, 0, 0)


def find():
    """(path of go, environment for it). Raises ClusterError where there is none that can do it."""
    needed = required_version()
    seen = []
    for go in _candidates():
        version = _probe(go)
        if version >= needed:
            return go, {}
        seen.append((go, version))
    for go, version in seen:
        if version >= OLDEST_THAT_FETCHES_TOOLCHAINS:
            # An explicit GOTOOLCHAIN of the user is left alone: it may forbid fetching on purpose.
            return go, {} if os.environ.get("GOTOOLCHAIN") else {"GOTOOLCHAIN": "auto"}
    wanted = ".".join(map(str, needed))
    found = ", ".join(f"{go} is {'.'.join(map(str, version))}" for go, version in seen) or "no go command found"
    raise ClusterError(
        f"Go {wanted} is needed, or 1.21 and later to fetch it ({found}); "
        "on Debian 12: golang-1.23 from bookworm-backports"
    )


def run(words, env, on_line):
    """Runs go in the module's folder and returns its output; each line of its standard error goes to `on_line`."""
    go, go_env = find()
    with subprocess.Popen(
        [go, *words],
        cwd=SOURCE_DIR,
        env={**os.environ, **go_env, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        output = []
        reader = threading.Thread(target=lambda: output.append(child.stdout.read()))
        reader.start()
        try:
            last = []
            for line in child.stderr:
                last = [*last[-(ERROR_LINES_SHOWN - 1) :], line.rstrip()]
                on_line(last[-1])
            reader.join()
        except BaseException:
            child.terminate()
            raise
    if child.returncode != 0:
        print("\n".join(last), file=sys.stderr)
        raise ClusterError(f"go {words[0]} failed with exit code {child.returncode}; its last lines are above")
    return output[0]
