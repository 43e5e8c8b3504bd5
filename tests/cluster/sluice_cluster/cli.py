"""The command line of tests/cluster/cluster."""

import argparse
import os
import sys
from pathlib import Path

from . import build, containerd, host, interrupts, lifecycle, record, settings
from .errors import ClusterError
from .progress import say
from .settings import Settings


def parser():
    options = argparse.ArgumentParser(
        prog="cluster",
        description="A real Kubernetes cluster on this machine, for tests and the demo. See tests/cluster/README.md.",
    )
    commands = options.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state",
        type=Path,
        default=settings.default_state(),
        metavar="DIR",
        help=f"state folder (default: ${settings.STATE_VARIABLE}, else build/cluster in the checkout)",
    )

    commands.add_parser("build", help="compile the programs into the cache; minutes when cold, nothing when warm")
    up = commands.add_parser("up", parents=[common], help="start a cluster and wait until it is ready")
    up.add_argument("--control-plane-only", action="store_true", help="no node: several of these can run side by side")
    up.add_argument(
        "--port-base",
        type=int,
        default=settings.DEFAULT_PORT_BASE,
        metavar="N",
        help="first of the ports to use (default: %(default)s)",
    )
    up.add_argument(
        "--network",
        default=settings.DEFAULT_NETWORK,
        metavar="CIDR",
        help="a /14 for Services, pods, node (default: %(default)s)",
    )
    up.add_argument(
        "--hpa-downscale-stabilization",
        default=settings.DEFAULT_HPA_DOWNSCALE_STABILIZATION,
        metavar="DURATION",
        help="how long the HPA looks back before it scales down (default: %(default)s)",
    )
    up.add_argument(
        "--audit-policy",
        type=Path,
        metavar="FILE",
        help="an audit.k8s.io Policy: the API server then writes what it says to logs/audit.log, a JSON object a line",
    )
    commands.add_parser("down", parents=[common], help="stop it and remove everything that it put on this machine")
    commands.add_parser(
        "status", parents=[common], help="show what runs; exit code 0: all of it, 1: not all, 3: no cluster there"
    )
    load = commands.add_parser("load-image", parents=[common], help="make image tars usable by pods")
    load.add_argument("tars", nargs="+", metavar="TAR", help="OCI layout tar, or one of docker save")
    commands.add_parser("kubeconfig", parents=[common], help="print the path of the administrator's kubeconfig")
    commands.add_parser("bin", help="print the folder of kubectl, helm and the others, building them first if need be")
    return options


def main(words):
    arguments = parser().parse_args(words)
    host.prepare_environment()
    interrupts.install()
    try:
        return COMMANDS[arguments.command](arguments)
    except (ClusterError, OSError) as error:
        print(f"cluster: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("cluster: interrupted", file=sys.stderr)
    return 1


def _settings(arguments):
    return Settings(Path(os.path.realpath(arguments.state)))


def _running(arguments):
    known = record.load(_settings(arguments))
    if known is None:
        raise ClusterError(f"no cluster runs in {arguments.state}; start one with: cluster up")
    return known.settings


def _build(_):
    cache = build.ensure()
    build.check_complete(cache)
    say(f"programs are in {cache / 'bin'}")
    return 0


def _up(arguments):
    lifecycle.up(
        Settings(
            Path(os.path.realpath(arguments.state)),
            arguments.port_base,
            arguments.network,
            arguments.control_plane_only,
            arguments.hpa_downscale_stabilization,
            str(arguments.audit_policy.resolve(strict=True)) if arguments.audit_policy else "",
        )
    )
    return 0


def _down(arguments):
    left = lifecycle.down(_settings(arguments))
    for thing in left:
        print(f"cluster: left behind: {thing}", file=sys.stderr)
    return 1 if left else 0


def _status(arguments):
    return lifecycle.status(_settings(arguments))


def _load_image(arguments):
    host.check_root()
    running = _running(arguments)
    if running.control_plane_only:
        raise ClusterError("a control plane alone runs no pods, so it takes no images")
    for tar in arguments.tars:
        for name in containerd.load_image(running, tar):
            say(f"loaded {name}")
    return 0


def _kubeconfig(arguments):
    print(_running(arguments).kubeconfig)
    return 0


def _bin(_):
    print(build.ensure() / "bin")
    return 0


COMMANDS = {
    "build": _build,
    "up": _up,
    "down": _down,
    "status": _status,
    "load-image": _load_image,
    "kubeconfig": _kubeconfig,
    "bin": _bin,
}
