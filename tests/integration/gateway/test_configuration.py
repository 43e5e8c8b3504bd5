"""What the program says of its configuration before it serves anybody."""

import re
import subprocess
from pathlib import Path

import pytest
from gateway_process import PATIENCE_S


@pytest.mark.parametrize(
    "text, line",
    [
        ("listen:\n  prot: 1\n", r".*gateway\.yaml:2: listen\.prot: .+"),
        ("shards: many\n", r".*gateway\.yaml:1: shards: .+"),
        ("log: {level: loud}\n", r".*gateway\.yaml:1: log\.level: .+"),
        ("listen: {\n", r".*gateway\.yaml:\d+: .+"),
    ],
    ids=["unknown field", "wrong type", "out of range", "no YAML"],
)
@pytest.mark.parametrize("check", [True, False], ids=["--check", "start"])
def test_a_broken_configuration_is_one_line(program, tmp_path, text, line, check):
    path = tmp_path / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    words = [program, "--config", path, *(["--check"] if check else [])]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 1
    assert re.fullmatch(line, ended.stderr.strip()), ended.stderr


def test_the_example_is_valid(program):
    example = Path(__file__).resolve().parents[3] / "examples" / "standalone.yaml"
    assert subprocess.run([program, "--config", example, "--check"], check=False).returncode == 0
