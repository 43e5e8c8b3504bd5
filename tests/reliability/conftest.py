"""The harness of the campaigns, for its own tests and the smoke of each campaign."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration" / "operator"), str(HERE.parent / "e2e")]

from harness import world as worlds  # noqa: E402  (the path comes first)


@pytest.fixture(scope="session")
def build():
    """The build whose programs are tested: SLUICE_BUILD_DIR, else build/release."""
    return Path(os.environ.get("SLUICE_BUILD_DIR") or worlds.ROOT / "build" / "release").resolve()


@pytest.fixture(scope="session")
def control_plane():
    """A real one with the CRD in it."""
    with worlds.control_plane(worlds.SMOKE_PORT_BASE) as plane:
        yield plane
