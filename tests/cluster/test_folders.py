"""The fixture that every test of a cluster here stands on."""

import shutil
import subprocess

import clusters
import pytest


def test_a_failing_setup_leaves_no_cluster_and_one_that_stays_hides_no_other(monkeypatch):
    asked = []

    def refuse_the_first(_, __, folder, check):
        asked.append(folder)
        return subprocess.CompletedProcess([], returncode=1 if len(asked) == 1 else 0, stdout="left behind: x")

    monkeypatch.setattr(clusters, "cluster", refuse_the_first)
    folders = []
    with pytest.raises(AssertionError, match="left behind: x") as failed, clusters.state_folders() as make:
        folders += [make(), make()]
        raise RuntimeError("the setup fails")
    assert asked == folders
    assert isinstance(failed.value.__context__, RuntimeError)
    assert [folder.exists() for folder in folders] == [True, False]
    shutil.rmtree(folders[0])
