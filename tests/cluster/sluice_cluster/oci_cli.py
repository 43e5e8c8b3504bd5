"""Command line of the image writer."""

import argparse
import re
import shlex
import sys

from . import oci
from .errors import ClusterError

EXAMPLE = """example:
  oci_image.py --name sluice.dev/gateway:dev --user 65532 --entrypoint /usr/bin/sluice-gateway \\
    --binary build/release/gateway/sluice-gateway:/usr/bin/sluice-gateway \\
    --add examples/gateway.yaml:/etc/sluice/gateway.yaml --out build/images/gateway.tar
"""


def _pair(text):
    source, colon, destination = text.rpartition(":")
    if not colon or not source or not destination.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text} is not SRC:DST with an absolute DST")
    return source, destination


def _label(text):
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise argparse.ArgumentTypeError(f"{text} is not KEY=VALUE")
    return key, value


def parser():
    options = argparse.ArgumentParser(
        prog="oci_image.py",
        description="Writes a container image as an OCI layout tar: deterministic, without registry, daemon or root.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--name", required=True, metavar="REPO:TAG", help="name that pods use for the image")
    options.add_argument("--out", required=True, metavar="TAR", help="file to write; complete or unchanged")
    options.add_argument(
        "--entrypoint", required=True, metavar="WORDS", help="program and fixed arguments, split as a shell would"
    )
    options.add_argument("--cmd", default="", metavar="WORDS", help="default arguments, split as a shell would")
    options.add_argument(
        "--user",
        default="",
        metavar="UID[:GID]",
        help="user to run as; it is called nonroot in the image's /etc/passwd and /etc/group",
    )
    options.add_argument("--workdir", default="/", metavar="DIR", help="working folder (default: /)")
    options.add_argument(
        "--binary",
        action="append",
        default=[],
        type=_pair,
        metavar="SRC:DST",
        help="program to add, with the loader and the shared libraries that ldd finds for it",
    )
    options.add_argument(
        "--add", action="append", default=[], type=_pair, metavar="SRC:DST", help="file or folder to add as it is"
    )
    options.add_argument(
        "--env", action="append", default=[], type=_label, metavar="KEY=VALUE", help="environment variable"
    )
    options.add_argument("--label", action="append", default=[], type=_label, metavar="KEY=VALUE", help="image label")
    options.add_argument(
        "--port", action="append", default=[], metavar="PORT[/PROTOCOL]", help="port that the image documents"
    )
    return options


def main(words):
    arguments = parser().parse_args(words)
    try:
        _write(arguments)
    except (ClusterError, OSError) as error:
        print(f"oci_image: {error}", file=sys.stderr)
        return 1
    return 0


def _write(arguments):
    # A name would have to be looked up in the image, and Kubernetes cannot tell whether it is root's.
    if not re.fullmatch(r"(\d+(:\d+)?)?", arguments.user):
        raise ClusterError(f"--user {arguments.user} is not UID or UID:GID")
    image = oci.Image(
        arguments.name,
        entrypoint=shlex.split(arguments.entrypoint),
        command=shlex.split(arguments.cmd),
        user=arguments.user,
        working_dir=arguments.workdir,
        env=[f"{key}={value}" for key, value in arguments.env],
        labels=dict(arguments.label),
        ports=arguments.port,
    )
    image.add_accounts()
    for source, destination in arguments.binary:
        image.add_binary(source, destination)
    for source, destination in arguments.add:
        image.add(source, destination)
    oci.write(image, arguments.out)
