#!/usr/bin/env python3
"""Runs the parts of the test suite one after the other and sums their results.

    scripts/test [part...]        all parts where none is named

Every part runs, even after one before it failed, unless it cannot: without a build there is nothing to test. The last line is
`N passed, N failed` over all parts; the exit status is 0 only where nothing failed.
"""

import contextlib
import dataclasses
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "cluster"))

from sluice_cluster import record  # noqa: E402  (the path has to come first)

RESULTS = ROOT / "build" / "test-results"
PYTEST = [sys.executable, "-B", "-m", "pytest"]
AS_ROOT = ["scripts/with-root"]
DOCTEST_SUMMARY = re.compile(r"test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")


@dataclasses.dataclass
class Tally:
    """Results of one part. `note` says why it did not run."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    note: str = ""

    def __add__(self, other):
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped, self.seconds + other.seconds)


class Terminated(KeyboardInterrupt):
    """We were told to end, and not by the terminal, which tells our children too."""


def _terminate(*_):
    raise Terminated


def run(*words):
    """Runs a command in the checkout with its output on ours; its exit status. Where we are to end, it tidies up first."""
    child = subprocess.Popen(words, cwd=ROOT)
    try:
        return child.wait()
    except KeyboardInterrupt as told:
        if isinstance(told, Terminated):
            with contextlib.suppress(PermissionError):  # sudo's, which then ends when its command does
                child.terminate()
        child.wait()
        raise


def step(*words):
    """A command that is itself the test: it passes or fails."""
    return Tally(passed=1) if run(*words) == 0 else Tally(failed=1)


def ctest(preset, folder=None):
    """Unit tests of a preset's build folder, or of another, counted by doctest's test cases and not by its programs."""
    report = _report(f"ctest-{preset}")
    tests = ["--preset", preset] if folder is None else ["--test-dir", folder, "--output-on-failure"]
    # Of a long output the end is kept: doctest's summary is there.
    limits = ["--test-output-size-passed", "65536", "--test-output-size-failed", "65536", "--test-output-truncation", "head"]
    status = run("ctest", *tests, "--output-junit", str(report), *limits)
    return _consistent(_ctest_tally(report), status)


def _ctest_tally(report):
    tally = Tally()
    for case in _cases(report):
        summary = DOCTEST_SUMMARY.search(case.findtext("system-out") or "")
        program_failed = case.find("failure") is not None or case.get("status") != "run"
        passed, failed = (int(summary[2]), int(summary[3])) if summary else (0 if program_failed else 1, 0)
        # A program that crashed or leaked has failed, whatever it counted before.
        tally += Tally(passed=passed, failed=max(failed, 1) if program_failed else failed)
    return tally


def pytest(folder, *prefix):
    report = _report(folder.replace("/", "-"))
    status = run(*prefix, *PYTEST, "-v", folder, f"--junitxml={report}")
    tally = Tally()
    for case in _cases(report):
        failed = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        tally += Tally(passed=not failed and not skipped, failed=failed, skipped=skipped)
    return _consistent(tally, status)


def _report(name):
    """A report file's path; what an earlier run left there is gone."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.xml"
    path.unlink(missing_ok=True)
    return path


def _cases(report):
    return ElementTree.parse(report).iter("testcase") if report.exists() else []


def _consistent(tally, status):
    """A runner that failed without naming a test (no test found, a broken import) has failed all the same."""
    if status != 0 and tally.failed == 0:
        tally.failed = 1
    return tally


def sanitizers():
    built = step("scripts/build", "asan")
    return built + ctest("asan") if built.failed == 0 else built


def threads():
    """The analysis of what each mutex guards, then ThreadSanitizer. That only for the programs' common part and the gateway: the others'
    threads run in libraries that are not built for it (cpprest), and it would suspect them wrongly."""
    analysis = step(sys.executable, "scripts/run_clang_tidy.py", "--threads")
    folder = "build/threads"  # `make tsan` has its own, with everything in it
    configured = step("cmake", "--preset", "tsan", "-B", folder, "-DSLUICE_COMPONENTS=kube;gateway")
    built = step("cmake", "--build", folder) if configured.failed == 0 else configured
    return analysis + built + (ctest("threads", folder) if built.failed == 0 else Tally())


def integration():
    """Against a real API server. Each folder in a run of its own: files of two folders may have the same name."""
    folders = [folder for folder in ("tests/cluster", "tests/integration") if any((ROOT / folder).rglob("test_*.py"))]
    return sum((pytest(folder, *AS_ROOT) for folder in folders), Tally())


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    what: str
    run: object
    needs: tuple = ()


PARTS = (
    Part("style", "house rules (tests/tidy)", lambda: pytest("tests/tidy")),
    Part("build", "release build", lambda: step("scripts/build", "release")),
    Part("unit", "unit tests", lambda: ctest("release") + pytest("bench"), ("build",)),
    Part("sanitizers", "unit tests under ASan and UBSan", sanitizers),
    Part("threads", "thread-safety analysis, and unit tests under TSan", threads, ("build",)),
    Part("images", "container images", lambda: step("scripts/images"), ("build",)),
    Part("integration", "programs against a real control plane", integration, ("build",)),
    Part("reliability", "a part of each reliability campaign", lambda: pytest("tests/reliability", *AS_ROOT), ("build",)),
    Part("e2e", "end to end on a real node", lambda: pytest("tests/e2e", *AS_ROOT), ("build", "images")),
)


def run_parts(parts):
    """Results by the part's name, in order."""
    results = {}
    for number, part in enumerate(parts, start=1):
        print(f"\n=== {number}/{len(parts)} {part.name}: {part.what}", flush=True)
        broken = [name for name in part.needs if name in results and results[name].failed]
        if broken:
            results[part.name] = Tally(failed=1, note=f"not run, since {' and '.join(broken)} failed")
            continue
        start = time.monotonic()
        results[part.name] = part.run()
        results[part.name].seconds = time.monotonic() - start
    return results


def summary(results):
    lines = [f"{'part':<12} {'passed':>7} {'failed':>7} {'skipped':>8} {'time':>8}"]
    for name, tally in results.items():
        lines.append(f"{name:<12} {tally.passed:>7} {tally.failed:>7} {tally.skipped:>8} {tally.seconds:>6.0f} s {tally.note}".rstrip())
    total = sum(results.values(), Tally())
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    return "\n".join([*lines, f"{total.passed} passed, {total.failed} failed{skipped}"]), total


def node_in_the_way(parts):
    """A sentence where a node runs whose place tests/cluster needs: it may be kept for a reason, so we only name the remedy."""
    node = record.load_full_node()
    if node is None or node.abandoned or not node.alive() or "integration" not in [part.name for part in parts]:
        return None
    return f"the part integration starts this machine's one node, and another runs; first: tests/cluster/cluster down --state {node.settings.state}"


def main(words):
    known = {part.name: part for part in PARTS}
    unknown = [word for word in words if word not in known]
    if unknown:
        print(f"test: unknown part {unknown[0]}: {', '.join(known)}", file=sys.stderr)
        return 2
    parts = [part for part in PARTS if not words or part.name in words]
    if complaint := node_in_the_way(parts):
        print(f"test: {complaint}\n0 passed, 1 failed", flush=True)
        return 1
    text, total = summary(run_parts(parts))
    print(f"\n{text}", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _terminate)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("test: interrupted", file=sys.stderr)
        sys.exit(130)
