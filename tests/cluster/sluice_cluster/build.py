"""Compiling the programs of the cluster and caching them outside the checkout.

A cold build takes minutes and its result depends on nothing but the pinned sources, so it is kept in a folder named
after their hash: a fresh clone on the same machine finds it. The folder is complete or absent: it is filled under
another name and renamed.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from . import go, progress
from .errors import ClusterError
from .settings import SOURCE_DIR, cache_root, invoking_user

KUBERNETES_VERSION = "v1.37.2"
HELM_VERSION = "v3.22.0"
COMMANDS = ("tool", "./coredns")
# What `go build` names after its folder; the others already have the name that they are known by.
RENAMED = {"server": "etcd"}
PROGRAMS = (
    "coredns",
    "etcd",
    "helm",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "pause",
)
SOURCES = ("go.mod", "go.sum", "coredns/main.go", "pause/pause.c")
PAUSE_FLAGS = ("-Os", "-static", "-s", "-Wall", "-Wextra", "-Werror")
# Static programs without cgo: CoreDNS then needs no C library in its image, and Go no C compiler.
GO_ENV = {"CGO_ENABLED": "0"}
# The state of the checkout is no part of the programs, and git refuses to tell it to another user than the owner.
BUILDVCS = "-buildvcs=false"
PACKAGE_LINE = re.compile(r"^[\w.\-]+(/[\w.\-]+)*$")


def ld_flags():
    """Versions are linked in, as the projects' own Makefiles do: the checks between components use them."""
    major, minor = KUBERNETES_VERSION[1:].split(".")[:2]
    values = {"helm.sh/helm/v3/internal/version.version": HELM_VERSION}
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        values |= {
            f"{package}.gitVersion": KUBERNETES_VERSION,
            f"{package}.gitMajor": major,
            f"{package}.gitMinor": minor,
            f"{package}.gitTreeState": "clean",
            f"{package}.gitCommit": "unknown",
        }
    for package in ("helm.sh/helm/v3/pkg/lint/rules", "helm.sh/helm/v3/pkg/chartutil"):
        values |= {f"{package}.k8sVersionMajor": major, f"{package}.k8sVersionMinor": minor}
    return "-s -w " + " ".join(f"-X {name}={value}" for name, value in values.items())


def go_flags():
    return ["-trimpath", BUILDVCS, "-ldflags", ld_flags()]


def cache_folder():
    """The folder for exactly these sources and flags. It need not exist yet; finding it takes no Go."""
    key = hashlib.sha256()
    for name in SOURCES:
        key.update(f"{name}\0".encode() + (SOURCE_DIR / name).read_bytes())
    for part in (*go_flags(), *COMMANDS, *PAUSE_FLAGS, str(GO_ENV), platform.machine()):
        key.update(f"\0{part}".encode())
    return cache_root() / f"cluster-{key.hexdigest()[:16]}"


def ensure():
    """Builds unless that has been done, and returns the cache folder, with the programs in bin/."""
    folder = cache_folder()
    if folder.is_dir():
        return folder
    user = invoking_user()
    if user is not None:
        _build_as(user)
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if not folder.is_dir():  # else another builder has just finished it
            _build(folder)
    return folder


def _build_as(user):
    """Builds as the user behind sudo: root's files in a user's caches would break that user's next build."""
    built = subprocess.run(
        [SOURCE_DIR / "cluster", "build"],  # by its first line: our own Python may be one that only root can read
        stdout=subprocess.DEVNULL,  # what we print is the caller's result
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=os.getgrouplist(user.pw_name, user.pw_gid),
        env={**os.environ, "HOME": user.pw_dir, "USER": user.pw_name, "SLUICE_CACHE": str(cache_root())},
        check=False,
    )
    if built.returncode != 0:
        raise ClusterError(f"building as user {user.pw_name} failed, see above")


@contextlib.contextmanager
def _locked(path):
    """Holds an advisory lock; it ends with the process, so a killed builder leaves none behind."""
    with open(path, "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.Step("waiting for another build of the same programs"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder):
    temporary = folder.with_suffix(".building")
    shutil.rmtree(temporary, ignore_errors=True)  # of a builder that was killed; we hold the lock
    (temporary / "bin").mkdir(parents=True)
    _compile_go(temporary / "bin")
    _compile_pause(temporary / "bin" / "pause")
    temporary.rename(folder)


def _compile_go(target):
    with progress.Step("fetching Go modules") as step:
        fetched = _Counter(step, "modules")
        packages = go.run(
            ["list", BUILDVCS, "-deps", *COMMANDS],
            GO_ENV,
            lambda line: fetched.add() if "downloading" in line else None,
        )
        total = len(packages.splitlines())
    with progress.Step("compiling Kubernetes, etcd, CoreDNS and helm") as step:
        compiled = _Counter(step, f"packages of at most {total}")
        go.run(
            ["build", "-v", *go_flags(), "-o", f"{target}/", *COMMANDS],
            GO_ENV,
            lambda line: compiled.add() if PACKAGE_LINE.match(line) else None,
        )
    for built, name in RENAMED.items():
        (target / built).rename(target / name)


class _Counter:
    """Counts what has been done into the detail of a step."""

    def __init__(self, step, unit):
        self._step = step
        self._unit = unit
        self._count = 0

    def add(self):
        self._count += 1
        self._step.detail = f"{self._count} {self._unit}"


def _compile_pause(target):
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None:
        raise ClusterError(
            "no C compiler for the pause image (cc, gcc, clang or $CC); on Debian: apt-get install gcc libc6-dev"
        )
    words = [*compiler.split(), *PAUSE_FLAGS, "-o", str(target), str(SOURCE_DIR / "pause" / "pause.c")]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise ClusterError(f"{' '.join(words)} failed: {made.stderr.strip().splitlines()[-1]}")


def check_complete(folder):
    """Raises ClusterError if somebody removed a program from the cache."""
    missing = [name for name in PROGRAMS if not (Path(folder) / "bin" / name).exists()]
    if missing:
        raise ClusterError(
            f"{folder} lacks {', '.join(missing)}; remove that folder and run: tests/cluster/cluster build"
        )
