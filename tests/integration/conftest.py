"""Shared by the integration tests: a real control plane, and the programs that were built."""

import os
from pathlib import Path

import control_plane as control_planes
import pytest

BUILD = control_planes.CHECKOUT / "build"


@pytest.fixture(scope="session")
def control_plane():
    """The kubeconfig (os.PathLike, also by str()) of a control plane that all tests share and that none of them breaks.

    SLUICE_KUBECONFIG names one that runs already; it is left running.
    """
    if given := os.environ.get("SLUICE_KUBECONFIG"):
        yield control_planes.ControlPlane(Path(given).resolve())
        return
    with control_planes.running(BUILD / "it-kube-cluster", 21000) as shared:
        yield shared


@pytest.fixture(scope="module")
def breakable_control_plane():
    """A control plane of the test file's own, whose parts it may kill."""
    with control_planes.running(BUILD / "it-kube-broken", 21020) as own:
        yield own


@pytest.fixture(scope="session")
def build_dir():
    """The build whose programs are tested: SLUICE_BUILD_DIR, else build/release."""
    return Path(os.environ.get("SLUICE_BUILD_DIR") or BUILD / "release").resolve()
