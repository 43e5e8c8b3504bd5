"""Fixtures shared by the tests of this folder."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from clusters import cluster, state_folders  # noqa: E402  (the path comes first)


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "node: starts this machine's one full node, so nothing else may have one meanwhile"
    )


@pytest.fixture(scope="session")
def programs():
    """The folder of kubectl and the others."""
    return Path(cluster("bin").stdout.splitlines()[-1])


@pytest.fixture
def state_folder():
    with state_folders() as make:
        yield make
