"""Writing container images as OCI layout tars: no registry, no daemon, no root, and the same input gives the same
bytes.

The tar is an OCI image layout (image-spec v1.1, image-layout.md) that containerd imports, with the `manifest.json`
beside it that `docker load` and `podman load` of any age read. One uncompressed layer: the tars stay on this machine,
where gzip only costs time.

Every file belongs to root, is stamped 1970 and has mode 0755 (executables, folders) or 0644, whatever the umask of the
build was.
"""

import dataclasses
import hashlib
import io
import json
import os
import platform
import stat
import tarfile
import tempfile
from pathlib import Path

from . import elf
from .errors import ClusterError

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x"}
EPOCH = "1970-01-01T00:00:00Z"
NONROOT_NAME = "nonroot"


@dataclasses.dataclass
class Image:
    """What an image is made of. Paths in the image are absolute; `files` maps them to a local path, bytes or a link's
    target.
    """

    name: str
    entrypoint: list
    command: list = dataclasses.field(default_factory=list)
    user: str = ""
    working_dir: str = "/"
    env: list = dataclasses.field(default_factory=list)
    labels: dict = dataclasses.field(default_factory=dict)
    ports: list = dataclasses.field(default_factory=list)
    files: dict = dataclasses.field(default_factory=dict)

    def add(self, source, destination):
        """Adds a file or, with everything below it, a folder. Symbolic links stay links."""
        source = Path(source)
        if source.is_dir() and not source.is_symlink():
            for path in sorted(source.rglob("*")):
                if not path.is_dir() or path.is_symlink():
                    self.add(path, f"{destination.rstrip('/')}/{path.relative_to(source)}")
            return
        if not source.exists() and not source.is_symlink():
            raise ClusterError(f"image {self.name}: no such file: {source}")
        self._put(destination, Link(os.readlink(source)) if source.is_symlink() else source)

    def add_bytes(self, content, destination):
        self._put(destination, content)

    def add_binary(self, source, destination):
        """Adds a program with its loader and shared libraries, each at the path that the loader finds it by."""
        self._put(destination, Path(source).resolve())
        for library in elf.shared_libraries(source):
            self._put(library, Path(library).resolve())

    def add_accounts(self):
        """/etc/passwd and /etc/group with root and, for a numeric `user` other than 0, that one by the name nonroot."""
        uid, _, gid = self.user.partition(":")
        accounts = [("root", "0", "0", "/root")]
        if uid not in ("", "0"):
            accounts.append((NONROOT_NAME, uid, gid or uid, "/"))
        passwd = "".join(f"{name}:x:{uid}:{gid}:{name}:{home}:/sbin/nologin\n" for name, uid, gid, home in accounts)
        group = "".join(f"{name}:x:{gid}:\n" for name, _, gid, _ in accounts)
        self.add_bytes(passwd.encode(), "/etc/passwd")
        self.add_bytes(group.encode(), "/etc/group")
        self.add_bytes(b"hosts: files dns\n", "/etc/nsswitch.conf")

    def _put(self, destination, content):
        if not destination.startswith("/") or ".." in destination.split("/"):
            raise ClusterError(f"image {self.name}: {destination} is not an absolute path")
        self.files[os.path.normpath(destination)] = content


@dataclasses.dataclass(frozen=True)
class Link:
    """A symbolic link in an image."""

    target: str


def full_name(name):
    """A name as containerd stores it: with registry and tag, which Docker's short names leave out."""
    registry, slash, rest = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not any(mark in registry for mark in ".:") and registry != "localhost":
        name = f"docker.io/{registry}/{rest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def write(image, out):
    """Writes `image` to the file `out`, which is complete or unchanged."""
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        layer = Path(folder) / "layer.tar"
        _write_layer(image, layer)
        layer_blob = _blob("application/vnd.oci.image.layer.v1.tar", layer)
        config = _json(_config(image, layer_blob["digest"]))
        config_blob = _blob("application/vnd.oci.image.config.v1+json", config)
        manifest = _json(_manifest(config_blob, layer_blob))
        entries = {
            "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
            "index.json": _json(_index(image, manifest)),
            "manifest.json": _json(_docker_manifest(image, config_blob, layer_blob)),
            _blob_path(layer_blob): layer,
            _blob_path(config_blob): config,
            _blob_path(_blob("", manifest)): manifest,
        }
        complete = Path(folder) / "image.tar"
        with tarfile.open(complete, "w", format=tarfile.PAX_FORMAT) as tar:
            _add_all(tar, entries)
        complete.rename(out)


def _write_layer(image, path):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        _add_all(
            tar, {destination.lstrip("/"): content for destination, content in image.files.items()}, {"tmp": 0o1777}
        )


def _add_all(tar, entries, folders=()):
    """Adds `entries` and the folders above them, sorted, so that the order in which they were named does not matter."""
    modes = dict(folders)
    for name in entries:
        for parent in list(Path(name).parents)[:-1]:
            modes.setdefault(str(parent), 0o755)
    for name in sorted({*entries, *modes}):
        if name in entries and name in modes:
            raise ClusterError(f"/{name} is both a file and a folder of the image")
        if name in entries:
            _add(tar, name, entries[name])
        else:
            _add_entry(tar, name, tarfile.DIRTYPE, modes[name])


def _add(tar, name, content):
    if isinstance(content, Link):
        _add_entry(tar, name, tarfile.SYMTYPE, 0o777, target=content.target)
    elif isinstance(content, bytes):
        _add_entry(tar, name, tarfile.REGTYPE, 0o644, io.BytesIO(content), len(content))
    else:
        with open(content, "rb") as file:
            status = os.fstat(file.fileno())
            mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
            _add_entry(tar, name, tarfile.REGTYPE, mode, file, status.st_size)


def _add_entry(tar, name, kind, mode, file=None, size=0, target=""):
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = mode
    entry.size = size
    entry.linkname = target
    tar.addfile(entry, file)  # owner 0:0 and time 0 are what a TarInfo begins with


def _json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _blob(media_type, content):
    """Descriptor of `content`, which is bytes or a file (image-spec, descriptor.md)."""
    digest = hashlib.sha256()
    if isinstance(content, bytes):
        digest.update(content)
        size = len(content)
    else:
        with open(content, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        size = os.path.getsize(content)
    return {"mediaType": media_type, "digest": f"sha256:{digest.hexdigest()}", "size": size}


def _blob_path(descriptor):
    return "blobs/" + descriptor["digest"].replace(":", "/")


def _platform():
    machine = platform.machine()
    return {"architecture": ARCHITECTURES.get(machine, machine), "os": "linux"}


def _config(image, layer_digest):
    """image-spec, config.md. An uncompressed layer's digest is its diff id."""
    config = {
        "Entrypoint": image.entrypoint,
        "Cmd": image.command,
        "User": image.user,
        "WorkingDir": image.working_dir,
        "Env": image.env,
        "Labels": image.labels,
        "ExposedPorts": {port if "/" in port else f"{port}/tcp": {} for port in image.ports},
    }
    return {
        **_platform(),
        "created": EPOCH,
        "config": {key: value for key, value in config.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        "history": [{"created": EPOCH, "created_by": "oci_image.py"}],
    }


def _manifest(config_blob, layer_blob):
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config_blob,
        "layers": [layer_blob],
    }


def _index(image, manifest):
    name = full_name(image.name)
    descriptor = {
        **_blob("application/vnd.oci.image.manifest.v1+json", manifest),
        "platform": _platform(),
        "annotations": {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        },
    }
    return {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [descriptor]}


def _docker_manifest(image, config_blob, layer_blob):
    return [
        {"Config": _blob_path(config_blob), "RepoTags": [full_name(image.name)], "Layers": [_blob_path(layer_blob)]}
    ]
