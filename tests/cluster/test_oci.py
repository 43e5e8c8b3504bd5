"""The image writer."""

import json
import os
import shutil
import subprocess
import sys
import tarfile

import pytest
from clusters import HERE
from sluice_cluster import elf, oci
from sluice_cluster.errors import ClusterError


def layer_of(tar_path):
    """(config, {name: entry}, {name: bytes}) of the one layer, found as a runtime does: by digests."""
    with tarfile.open(tar_path) as tar:

        def blob(descriptor):
            return tar.extractfile("blobs/" + descriptor["digest"].replace(":", "/"))

        index = json.load(tar.extractfile("index.json"))
        manifest = json.load(blob(index["manifests"][0]))
        with tarfile.open(fileobj=blob(manifest["layers"][0])) as layer:
            entries = {entry.name: entry for entry in layer}
            contents = {name: layer.extractfile(name).read() for name, entry in entries.items() if entry.isreg()}
        return json.load(blob(manifest["config"])), entries, contents


def write_with_tool(out, *words):
    return subprocess.run(
        [sys.executable, HERE / "oci_image.py", "--out", out, *words], capture_output=True, text=True, check=False
    )


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for name, mode, stamp in (("first", 0o644, 1), ("second", 0o600, 2_000_000_000)):
        folder = tmp_path / name
        (folder / "deep").mkdir(parents=True)
        for file in ("deep/b", "a") if name == "first" else ("a", "deep/b"):
            (folder / file).write_text(file)
            (folder / file).chmod(mode)
            os.utime(folder / file, (stamp, stamp))
    images = []
    for name, words in (
        ("first", ["--add", "first/a:/x", "--add", "first/deep:/y"]),
        ("second", ["--add", "second/deep:/y", "--add", "second/a:/x"]),
    ):
        out = tmp_path / f"{name}.tar"
        adds = [str(tmp_path / word) if not word.startswith("--") else word for word in words]
        done = write_with_tool(out, "--name", "sluice.dev/x:1", "--entrypoint", "/x", *adds)
        assert done.returncode == 0, done.stderr
        images.append(out.read_bytes())
    assert images[0] == images[1]


def test_an_image_holds_what_was_asked_for(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o700)
    (folder / "link").symlink_to("run")
    out = tmp_path / "image.tar"
    words = [
        "--name",
        "sluice.dev/x:1",
        "--user",
        "65532",
        "--entrypoint",
        "/opt/run --flag 'two words'",
        "--add",
        f"{folder}:/opt",
    ]
    done = write_with_tool(out, *words, "--env", "A=b", "--port", "8080", "--label", "k=v")
    assert done.returncode == 0, done.stderr

    config, entries, contents = layer_of(out)
    assert config["config"] == {
        "Entrypoint": ["/opt/run", "--flag", "two words"],
        "Env": ["A=b"],
        "ExposedPorts": {"8080/tcp": {}},
        "Labels": {"k": "v"},
        "User": "65532",
        "WorkingDir": "/",
    }
    assert contents["opt/run"] == b"#!/bin/sh\n"
    assert entries["opt/run"].mode == 0o755
    assert entries["opt/link"].linkname == "run"
    assert entries["tmp"].mode == 0o1777
    assert "nonroot:x:65532:65532:" in contents["etc/passwd"].decode()
    assert "nonroot:x:65532:" in contents["etc/group"].decode()
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 0)}


def test_a_program_comes_with_its_loader_and_libraries_and_runs_with_nothing_else(tmp_path):
    out = tmp_path / "image.tar"
    program = shutil.which("true")
    done = write_with_tool(
        out, "--name", "sluice.dev/x:1", "--entrypoint", "/bin/true", "--binary", f"{program}:/bin/true"
    )
    assert done.returncode == 0, done.stderr

    _, entries, _ = layer_of(out)
    assert {path.lstrip("/") for path in elf.shared_libraries(program)} <= set(entries)
    root = tmp_path / "root"
    with tarfile.open(out) as tar:
        largest = max(tar.getmembers(), key=lambda entry: entry.size)
        with tarfile.open(fileobj=tar.extractfile(largest)) as layer:
            layer.extractall(root)
    # `true` from coreutils, in a root folder that has only what the image has.
    assert subprocess.run(["chroot", root, "/bin/true"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("gateway", "docker.io/library/gateway:latest"),
        ("sluice/gateway:dev", "docker.io/sluice/gateway:dev"),
        ("sluice.dev/gateway:dev", "sluice.dev/gateway:dev"),
        ("localhost/gateway", "localhost/gateway:latest"),
        ("localhost:5000/gateway:1", "localhost:5000/gateway:1"),
    ],
)
def test_names_are_completed_as_runtimes_complete_them(name, full):
    assert oci.full_name(name) == full


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--add", "/no/such/file:/x"], "no such file: /no/such/file"),
        (["--binary", "/no/such/program:/x"], "/no/such/program: No such file or directory"),
        (["--binary", "/etc/passwd:/x"], "/etc/passwd is not an ELF program"),
        (["--add", "/etc/passwd:/a", "--add", "/etc/group:/a/b"], "/a is both a file and a folder"),
        (["--user", "nobody"], "--user nobody is not UID or UID:GID"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_leaves_no_file(tmp_path, words, complaint):
    out = tmp_path / "image.tar"
    done = write_with_tool(out, "--name", "sluice.dev/x:1", "--entrypoint", "/x", *words)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_leaves_the_image_is_refused():
    image = oci.Image("x", entrypoint=["/x"])
    with pytest.raises(ClusterError, match="is not an absolute path"):
        image.add_bytes(b"", "/a/../../b")
