"""scripts/run_clang_tidy.py on files that the test writes: that its thread-safety analysis finds what it is there for."""

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))

import run_clang_tidy  # noqa: E402  (the path comes first)

HEADER = """
#define GUARDED_BY(mutex) __attribute__((guarded_by(mutex)))
struct __attribute__((capability("mutex"))) Mutex {
  void lock() __attribute__((acquire_capability()));
  void unlock() __attribute__((release_capability()));
};
"""
SOURCE = """
#include "mutex.h"
class Counter {
 public:
  int next() {
    BEFORE
    const int value = ++count_;
    mutex_.unlock();
    return value;
  }

 private:
  Mutex mutex_;
  int count_ GUARDED_BY(mutex_) = 0;
};
int main() { return Counter().next(); }
"""


@pytest.fixture
def checkout(monkeypatch, tmp_path):
    shutil.copy(ROOT / ".clang-tidy", tmp_path)
    (tmp_path / "mutex.h").write_text(HEADER)
    for name in ("ROOT", "BUILD"):
        monkeypatch.setattr(run_clang_tidy, name, tmp_path)
    monkeypatch.setattr(run_clang_tidy, "CLEAN", tmp_path / "clean")
    return tmp_path


def write(checkout, **sources):
    for name, text in sources.items():
        (checkout / f"{name}.cc").write_text(text)
    commands = [
        {"directory": str(checkout), "file": str(checkout / f"{name}.cc"), "command": f"g++ -std=c++20 -I. -c {name}.cc"} for name in sources
    ]
    (checkout / "compile_commands.json").write_text(json.dumps(commands))


@pytest.mark.parametrize("mode", [["--threads"], []], ids=["analysis alone", "everything"])
@pytest.mark.parametrize("before, status", [("mutex_.lock();", 0), ("", 1)], ids=["locked", "not locked"])
def test_a_member_is_used_under_its_mutex(checkout, capsys, mode, before, status):
    write(checkout, counter=SOURCE.replace("BEFORE", before))
    assert run_clang_tidy.main(mode) == status
    assert ("requires holding mutex 'mutex_' exclusively" in capsys.readouterr().out) == bool(status)


def test_only_files_that_see_an_annotation_are_analysed_and_only_once(checkout, capsys):
    write(checkout, counter=SOURCE.replace("BEFORE", "mutex_.lock();"), other="int main() {}\n")
    for wanted in ("1 of 1 files to look at", "0 of 1 files to look at"):
        assert run_clang_tidy.main(["--threads"]) == 0
        assert wanted in capsys.readouterr().out
    assert run_clang_tidy.main([]) == 0
    assert "2 of 2 files to look at" in capsys.readouterr().out
