"""Things that are written down twice, because each place needs them, and that must not drift apart."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CRD = "realtimegateways.sluice.dev.yaml"
GO_MODULES = ("tests/cluster/go.mod", "tests/prometheus/go.mod", "bench/operator/peer/go.mod")


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def test_chart_carries_the_crd_of_crds():
    """A chart holds only what lies in its folder; after a change: cp crds/*.yaml charts/sluice/files/"""
    assert read(f"charts/sluice/files/{CRD}") == read(f"crds/{CRD}")


def test_one_version():
    version = re.search(r"project\(sluice VERSION ([\d.]+)", read("CMakeLists.txt"))[1]
    chart = yaml.safe_load(read("charts/sluice/Chart.yaml"))
    assert (chart["version"], chart["appVersion"]) == (version, version)
    assert f"sluice-operator:{version}" in read("Dockerfile")


def test_one_go_toolchain():
    """go.mod files with different versions make a machine without a Go fetch two toolchains."""
    lines = {path: re.findall(r"^(?:go|toolchain) \S+$", read(path), re.MULTILINE) for path in GO_MODULES}
    assert lines["tests/cluster/go.mod"] != [] and all(found == lines["tests/cluster/go.mod"] for found in lines.values())


def test_every_value_has_a_schema_and_every_schema_a_value():
    values = yaml.safe_load(read("charts/sluice/values.yaml"))
    schema = json.loads(read("charts/sluice/values.schema.json"))
    # `global` is helm's own, for charts that contain this one.
    assert sorted(_paths_of_values(values, schema)) == sorted(path for path in _paths_of_schema(schema) if path != "global")


def _paths_of_values(values, schema, prefix=""):
    for name, value in values.items():
        inner = schema["properties"].get(name, {})
        if "properties" in inner:
            yield from _paths_of_values(value, inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _paths_of_schema(schema, prefix=""):
    for name, inner in schema["properties"].items():
        if "properties" in inner:
            yield from _paths_of_schema(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_examples_are_of_known_kinds():
    kinds = {document["kind"] for path in (ROOT / "examples").glob("*.yaml") if path.name != "standalone.yaml" for document in yaml.safe_load_all(path.read_text())}
    assert {"RealtimeGateway", "HorizontalPodAutoscaler", "Deployment"} <= kinds


# A finalizer and a responder that are named as the annotation is, and mean something else.
ALSO_CALLED_DRAIN = {"operator/names.h", "operator/eviction.h"}


def test_labels_and_annotations_have_one_home():
    """What the programs read of each other's writes is spelled in common/base/contract.h, and nowhere a second time."""
    home = "common/base/contract.h"
    names = set(re.findall(r'"(sluice\.dev/[a-z-]+)"', read(home)))
    assert {"sluice.dev/state", "sluice.dev/drain"} <= names
    programs = [path for part in ("common", "operator", "adapter", "gateway", "cli") for path in sorted((ROOT / part).rglob("*")) if path.suffix in (".cc", ".h")]
    assert len(programs) > 100
    for file in programs:
        path = file.relative_to(ROOT).as_posix()
        spelled = {name for name in names if f'"{name}"' in file.read_text(encoding="utf-8")} - ({"sluice.dev/drain"} if path in ALSO_CALLED_DRAIN else set())
        made_for_tests = path.endswith("_test.cc") or "test_" in file.name or path == "common/kube/cache_memory.cc"
        assert path == home or made_for_tests or not spelled, f"{path} spells {spelled}: use the names of {home}"


def test_every_package_has_a_reason():
    lines = [line for line in read("scripts/packages.txt").splitlines() if line and not line.startswith("#")]
    without = [line for line in lines if not re.fullmatch(r"\S+( +(build|service))? +# \S.*", line)]
    assert lines and not without


def test_readme_begins_with_the_two_commands():
    first_screen = "\n".join(read("README.md").splitlines()[:40])
    assert "make demo" in first_screen and "make test" in first_screen


def test_ci_runs_the_test_command():
    assert re.search(r"\bmake\b.*\btest\b", read(".ci/run"))
