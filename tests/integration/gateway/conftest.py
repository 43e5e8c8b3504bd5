"""Gateways as processes, met by a WebSocket client that others wrote (PyPI `websockets`).

The program is SLUICE_GATEWAY, else that of SLUICE_BUILD_DIR, else build/release. It needs neither root nor a cluster.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from gateway_process import Gateway, make_certificate, openssl  # noqa: E402


@pytest.fixture(name="program", scope="session")
def _program(build_dir):
    path = Path(os.environ.get("SLUICE_GATEWAY") or build_dir / "gateway" / "sluice-gateway").resolve()
    assert path.exists(), f"{path} is missing: build it, or name another in SLUICE_GATEWAY"
    return path


@pytest.fixture(name="start")
def _start(program, tmp_path):
    """Starts gateways with further sections of the configuration; they end with the test."""
    started = []

    def start(**sections):
        folder = tmp_path / str(len(started))
        (folder / "keys").mkdir(parents=True)
        openssl("genpkey", "-algorithm", "ed25519", "-out", folder / "private.pem")
        openssl("pkey", "-in", folder / "private.pem", "-pubout", "-out", folder / "keys" / "operator.pem")
        if "tls" in sections:
            make_certificate(folder, "first")
            sections["tls"] = {"port": 0, "certFile": str(folder / "server.crt"), "keyFile": str(folder / "server.key")}
        started.append(Gateway(program, folder, **sections))
        return started[-1]

    yield start
    for gateway in started:
        gateway.stop()
