"""The Dockerfile says once more what scripts/images and scripts/setup say, and nothing here can run it: at least they agree."""

import json
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What CMake asks for, and the Debian package that has it; None: the compiler's own.
PACKAGE_OF = {
    "PkgConfig": "pkg-config",
    "Threads": None,
    "OpenSSL": "libssl-dev",
    "nlohmann_json": "nlohmann-json3-dev",
    "spdlog": "libspdlog-dev",
    "doctest": "doctest-dev",
    "prometheus-cpp": "prometheus-cpp-dev",
    "yaml-cpp": "libyaml-cpp-dev",
    "CURL": "libcurl4-openssl-dev",
    "re2": "libre2-dev",
    "simdjson": "libsimdjson-dev",
    "cpprestsdk": "libcpprest-dev",
}
ASKED = re.compile(r"find_package\(([\w-]+)|pkg_check_modules\(\w+ [A-Z_ ]*?([a-z][\w-]*)\)")


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


DOCKERFILE = read("Dockerfile").replace("\\\n", " ")


def script_images():
    """{program: (folder of the build, user, ports, files added)} of scripts/images."""
    text = read("scripts/images").replace("\\\n", " ")
    definition = re.search(r"^program_image\(\) \{.*?^\}", text, re.MULTILINE | re.DOTALL)[0]
    user = re.search(r'"build/release/\$folder/\$program" (\S+)', definition)[1]
    found = {}
    for line in re.findall(r"^program_image (.*)$", text, re.MULTILINE):
        program, folder, *words = shlex.split(line)
        flags = list(zip(words[::2], words[1::2]))
        added = [value.partition(":")[0] for name, value in flags if name == "--add"]
        found[program] = (folder, user, [value for name, value in flags if name == "--port"], added)
    return found


def target(name):
    """{instruction: argument} of a stage."""
    stage = re.search(rf"^FROM scratch AS {name}$(.*?)(?=^FROM|\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
    return dict(line.split(" ", 1) for line in stage.split("\n") if line.strip())


@pytest.mark.parametrize("program", script_images().keys())
def test_a_target_is_the_image_of_the_script(program):
    folder, user, ports, added = script_images()[program]
    stage = target(program.removeprefix("sluice-"))
    assert folder == program.removeprefix("sluice-")
    assert json.loads(stage["ENTRYPOINT"]) == [f"/usr/bin/{program}"]
    assert stage["COPY"] == f"--from=build /image/{folder}/ /"
    assert (stage["USER"], stage["EXPOSE"].split()) == (user, ports)
    for path in added:
        assert f"install -D -m 644 {path} /image/{folder}{path}" in DOCKERFILE


def test_the_targets_are_the_images_of_the_script():
    programs = [program.removeprefix("sluice-") for program in script_images()]
    assert re.findall(r"^FROM scratch AS (\w+)$", DOCKERFILE, re.MULTILINE) == programs
    assert re.search(r"-DSLUICE_COMPONENTS=([\w;]+)", DOCKERFILE)[1].split(";") == programs
    assert re.search(r"for part in ([\w ]+); do", DOCKERFILE)[1].split() == programs
    assert "program=sluice-$part; root=/image/$part" in DOCKERFILE
    assert 'install -D -m 755 "build/release/$part/$program" "$root/usr/bin/$program"' in DOCKERFILE


def test_it_is_built_as_here():
    """With the preset, on the Debian and with the packages that scripts/setup installs."""
    preset = re.search(r"cmake --preset (\w+)", DOCKERFILE)[1]
    assert preset == re.search(r"build/(\w+)/\$folder", read("scripts/images"))[1]
    assert preset in [each["name"] for each in json.loads(read("CMakePresets.json"))["configurePresets"]]
    assert re.search(r"^FROM (\S+) AS build$", DOCKERFILE, re.MULTILINE)[1] == "debian:12-slim"
    assert "COPY scripts/packages.txt scripts/packages.txt" in DOCKERFILE
    assert """$(awk '$2 == "build" {print $1}' scripts/packages.txt)""" in DOCKERFILE


def test_what_cmake_asks_for_is_installed_before_it_builds():
    lists = [path for path in ROOT.rglob("CMakeLists.txt") if "build" not in path.relative_to(ROOT).parts]
    asked = {first or second for path in lists for first, second in ASKED.findall(path.read_text(encoding="utf-8"))}
    assert asked == PACKAGE_OF.keys()
    building = {line.split()[0] for line in read("scripts/packages.txt").splitlines() if line.split()[1:2] == ["build"]}
    assert {package for package in PACKAGE_OF.values() if package} <= building
    assert {"cmake", "g++", "ninja-build", "libboost-dev"} <= building
