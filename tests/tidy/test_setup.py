"""scripts/setup where things go wrong, with an apt that the test plays."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Reads the script, then puts its files into a folder of the test's own and itself in root's place.
PLAYED = """
source "$1/scripts/setup"
backports_file=$2/backports.sources apt_log=$2/build/setup.log
apt-get() { printf 'bookworm main http://mirror.example\\n'; }
"""


def run(tmp_path, script):
    words = ["bash", "-c", PLAYED + script, "setup", ROOT, tmp_path]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_mirror_without_backports_leaves_apt_as_it_was_and_the_remedy_is_named(tmp_path):
    ran = run(
        tmp_path,
        """
as_root() {
  case $1 in
    env) cp "$backports_file" "${backports_file%/*}/seen"; echo 'E: no Release file'; return 100 ;;
    *) "$@" ;;
  esac
}
add_backports
""",
    )
    assert ran.returncode == 1
    assert "URIs: http://mirror.example" in (tmp_path / "seen").read_text()
    assert not (tmp_path / "backports.sources").exists()
    assert "E: no Release file" in ran.stderr
    assert "cannot be had from http://mirror.example; install Go 1.21 or later by hand" in ran.stderr.splitlines()[-1]


def test_apt_is_quiet_until_it_fails(tmp_path):
    ran = run(tmp_path, "as_root() { seq 1 300; }; apt_get install x && echo done")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "done\n", "")
    log = (tmp_path / "build" / "setup.log").read_text().splitlines()
    assert log[1] == "$ apt-get install x" and log[-1] == "300"
    ran = run(tmp_path, "as_root() { seq 1 300; return 100; }; apt_get install x")
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-2:] == ["300", f"setup: apt-get install failed, see above and {tmp_path}/build/setup.log"]


def test_without_root_the_sentence_is_not_lost_in_the_log(tmp_path):
    ran = run(tmp_path, "id() { echo 1000; }; command() { return 1; }; apt_get install x")
    assert ran.returncode == 1
    assert ran.stderr == "setup: needs root for: apt-get install x (neither root nor sudo is at hand)\n"
