#!/usr/bin/env python3
"""clang-tidy over the files of the release build that changed since it last found them clean.

    scripts/run_clang_tidy.py [--threads] [file...]        all files of build/release/compile_commands.json where none is named

With --threads only the thread-safety analysis, and only of files that see an annotation: a second a file, so that every run of the tests
has it. clang-tidy takes ten seconds a file, most of it for system headers. What it found clean is remembered in build/clang-tidy by a hash of
all that the verdict rests on: the file, the project's headers that it includes, directly or not, the commands and the configuration.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
CLEAN = ROOT / "build" / "clang-tidy"
PROGRAM = "clang-tidy-14"
# g++, whose flags the compile commands have, has no such analysis.
THREAD_SAFETY = ("--extra-arg=-Wthread-safety", "clang-diagnostic-thread-safety*")
ANNOTATION = "GUARDED_BY("
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def with_headers(source):
    """`source` and the project's headers below it, sorted. Ours are named from the top of the checkout."""
    found = set()
    ahead = [source]
    while ahead:
        path = ahead.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        ahead += [ROOT / name for name in INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace"))]
    return sorted(found)


def flags(threads):
    """Of clang-tidy. Checks that are named here are beside those of .clang-tidy; it insists on one that is no diagnostic."""
    argument, checks = THREAD_SAFETY
    return [argument, f"--checks={'-*,modernize-use-nullptr,' if threads else ''}{checks}"]


def sees_annotation(entry):
    return any(ANNOTATION in path.read_text(encoding="utf-8", errors="replace") for path in with_headers(Path(entry["file"])))


def key(entry, words):
    digest = hashlib.sha256()
    for path in [ROOT / ".clang-tidy", *with_headers(Path(entry["file"]))]:
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    digest.update(f"{entry.get('command', '')}\0{words}".encode())
    return digest.hexdigest()


def check(entry, words):
    """(file, complaints); no complaint where it is clean."""
    name = str(Path(entry["file"]).relative_to(ROOT))
    ran = subprocess.run([PROGRAM, "--quiet", "-p", str(BUILD), *words, entry["file"]], cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        (CLEAN / key(entry, words)).touch()
        return name, ""
    return name, ran.stdout or ran.stderr


def main(arguments):
    threads = "--threads" in arguments
    names = [name for name in arguments if name != "--threads"]
    words = flags(threads)
    entries = [entry for entry in json.loads((BUILD / "compile_commands.json").read_text()) if Path(entry["file"]).is_file()]
    # A file may belong to several targets; one look at it is enough.
    entries = list({entry["file"]: entry for entry in entries}.values())
    if names:
        wanted = {str(Path(name).resolve()) for name in names}
        entries = [entry for entry in entries if entry["file"] in wanted]
    if threads:
        entries = [entry for entry in entries if sees_annotation(entry)]
    CLEAN.mkdir(parents=True, exist_ok=True)
    changed = [entry for entry in entries if not (CLEAN / key(entry, words)).exists()]
    print(f"clang-tidy: {len(changed)} of {len(entries)} files to look at", flush=True)
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, (name, complaints) in enumerate(pool.map(lambda entry: check(entry, words), changed), start=1):
            print(f"[{number}/{len(changed)}] {name}{': see below' if complaints else ''}", flush=True)
            if complaints:
                bad += 1
                print(complaints, flush=True)
    print(f"clang-tidy: {len(entries) - bad} files clean, {bad} with complaints")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
