"""The rules over every file of the checkout that is ours."""

import re
import subprocess
import warnings
from pathlib import Path

import pytest
import rules

ROOT = Path(__file__).resolve().parents[2]
LINES_WARN = 400
BINARY = {".png", ".gz", ".tar", ".der", ".bin"}


def ours():
    """Paths that git tracks or would track, from the top of the checkout."""
    # As root in a user's checkout git suspects its configuration; we only list files.
    words = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({path for path in listed.split("\0") if path and (ROOT / path).is_file()})


OURS = ours()
CPP = [path for path in OURS if path.endswith((".cc", ".h"))]
UNIT_TESTS = [path for path in CPP if path.endswith("_test.cc")]
PYTHON_TESTS = [path for path in OURS if path.startswith("tests/") and path.endswith(".py") and not path.startswith("tests/tidy/")]
# The cluster tool is no test, and in waiting.py the polling itself is written that tests call.
MAY_SLEEP = ("tests/cluster/sluice_cluster/", "tests/e2e/waiting.py")
PROSE = [path for path in OURS if not path.startswith("tests/tidy/") and Path(path).suffix not in BINARY and Path(path).name != "go.sum"]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


RUNS = (
    (rules.include_direction, CPP),
    (rules.heavy_headers, CPP),
    (rules.finished, PROSE),
    (rules.portable, PROSE),
    (rules.constant_log_messages, CPP),
    (rules.asserting, UNIT_TESTS),
    (rules.awaiting, [path for path in [*UNIT_TESTS, *PYTHON_TESTS] if not path.startswith(MAY_SLEEP)]),
    (rules.running, PYTHON_TESTS),
)


@pytest.mark.parametrize("rule, paths", RUNS, ids=[rule.__name__ for rule, _ in RUNS])
def test_checkout_keeps(rule, paths):
    complaints = [f"{path}:{complaint}" for path in paths for complaint in rule(path, read(path))]
    assert not complaints, "\n" + "\n".join([rule.__doc__ or "", *complaints])


def test_root_lists_the_files_of_a_users_checkout(monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own, for its tests of "dubious ownership"
    assert ours() == OURS


def test_every_source_is_listed_in_a_cmakelists():
    """Every .cc is named in the CMakeLists.txt of its folder or of one above; there are no globs."""
    lists = {str(Path(path).parent): read(path) for path in OURS if Path(path).name == "CMakeLists.txt"}
    missing = [path for path in CPP if path.endswith(".cc") and not _listed(path, lists)]
    globs = [folder for folder, text in lists.items() if "file(GLOB" in text]
    assert not missing and not globs, f"not listed: {missing}; globs in {globs}"


def _listed(path, lists):
    """By its name from a folder above it that has a list, or anywhere by its name from the top."""
    for folder, text in lists.items():
        words = text.replace(")", " ").replace("(", " ").split()
        if f"${{CMAKE_SOURCE_DIR}}/{path}" in words:
            return True
        if Path(folder) in Path(path).parents and str(Path(path).relative_to(folder)) in words:
            return True
    return False


def test_what_kubectl_rtgw_decides_and_renders_does_no_io():
    """Sources of sluice_cli_core include one another's headers, common/base and the names of objects, and nothing that calls a server."""
    listed = re.search(r"add_library\(sluice_cli_core STATIC([^)]*)\)", read("cli/CMakeLists.txt"))[1].split()
    core = {f"cli/{name[:-3]}" for name in listed}
    files = [path for path in CPP if path.removesuffix(".cc").removesuffix(".h") in core]
    foreign = [
        f"{path}:{line}: {name}"
        for path in files
        for line, is_ours, name in rules.includes(read(path))
        if is_ours and name.removesuffix(".h") not in core and not name.startswith("common/base/") and name != "common/kube/resource.h"
    ]
    assert len(files) > len(listed) and not foreign, foreign


def test_every_header_is_included():
    """A header that nobody includes is a leftover."""
    included = {name for path in CPP for _, is_ours, name in rules.includes(read(path)) if is_ours}
    assert not [path for path in CPP if path.endswith(".h") and path not in included]


def test_files_have_one_subject():
    """A list to look through, not a failure: a file past 400 lines may hold a second subject."""
    code = [path for path in OURS if path.endswith((".cc", ".h", ".py", ".go")) or path.startswith("scripts/")]
    for path in code:
        lines = read(path).count("\n")
        if lines > LINES_WARN:
            warnings.warn(f"{path} has {lines} lines: look for the second subject in it", stacklevel=1)
    assert code


def test_formatted():
    """clang-format (14, as packages.txt installs it) would change nothing."""
    checked = subprocess.run(["clang-format-14", "--dry-run", "-Werror", *CPP], cwd=ROOT, capture_output=True, text=True, check=False)
    files = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error:", checked.stderr, re.MULTILINE)))
    assert checked.returncode == 0, f"clang-format-14 -i {' '.join(files)}"


def test_shell_scripts_are_sound():
    """shellcheck finds nothing in the scripts."""
    scripts = [path for path in OURS if read(path).startswith(("#!/usr/bin/env bash", "#!/bin/sh", "#!/bin/bash"))]
    checked = subprocess.run(["shellcheck", *scripts], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
