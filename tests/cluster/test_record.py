"""What is remembered about clusters, as this and as another version of the tool wrote it."""

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest
from sluice_cluster import processes, record
from sluice_cluster.errors import ClusterError
from sluice_cluster.settings import Settings


@pytest.fixture
def run_dir(monkeypatch, tmp_path):
    """A /run/sluice-cluster of the test's own."""
    monkeypatch.setattr(record, "RUN_DIR", tmp_path / "run")
    record._warn.cache_clear()
    return tmp_path / "run"


def saved(state):
    state.mkdir()
    known = record.Record(Settings(state), processes.boot_id(), {"kernel.panic": "0"}, ["/run/containerd"], [])
    known.save()
    return known


def rewrite(known, change):
    """Puts `change(values)`, or a text, in place of what both copies of a record hold."""
    for folder in (known.folder, known.settings.state):
        path = folder / "cluster.json"
        path.write_text(change if isinstance(change, str) else json.dumps(change(json.loads(path.read_text()))))


def test_a_record_comes_back_as_it_was(run_dir, tmp_path):
    known = saved(tmp_path / "ours")
    assert record.load(known.settings) == known
    assert record.load_all() == [known]
    assert record.load_full_node() == known


def test_a_cluster_is_abandoned_once_its_owner_has_ended(run_dir, tmp_path, monkeypatch):
    with subprocess.Popen(["sleep", "infinity"]) as owner:
        monkeypatch.setenv(record.OWNER_VARIABLE, str(owner.pid))
        known = dataclasses.replace(saved(tmp_path / "ours"), owner=record.owner_from_environment())
        known.save()
        assert record.load(known.settings) == known
        assert not known.abandoned
        owner.kill()
    assert record.load(known.settings).abandoned


def test_fields_that_a_later_version_added_are_ignored(run_dir, tmp_path):
    known = saved(tmp_path / "ours")
    rewrite(known, lambda values: {**values, "new": 1, "settings": {**values["settings"], "newer": 2}})
    assert record.load(known.settings) == known


NOT_UNDERSTOOD = {
    "a later format": lambda values: {**values, "format": record.FORMAT + 1},
    "a torn file": '{"format": 1, "sett',
    "no object": "[]",
    "no settings": lambda values: {"format": 1},
    "a field less": lambda values: {name: value for name, value in values.items() if name != "sysctls"},
}


@pytest.mark.parametrize("change", NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD.keys())
def test_a_record_that_cannot_be_understood_concerns_only_its_owner(run_dir, tmp_path, capsys, change):
    ours, foreign = saved(tmp_path / "ours"), saved(tmp_path / "foreign")
    rewrite(foreign, change)
    assert record.load(ours.settings) == ours
    assert record.load_all() == record.load_all() == [ours]
    assert capsys.readouterr().err.count(f"skipped: {foreign.folder}/cluster.json cannot be understood") == 1
    with pytest.raises(ClusterError, match=f"{foreign.folder}/cluster.json .*or remove that file"):
        record.load(foreign.settings)


def test_a_record_that_cannot_be_read_concerns_only_its_owner(run_dir, tmp_path, monkeypatch):
    ours, foreign = saved(tmp_path / "ours"), saved(tmp_path / "foreign")
    read_text = Path.read_text

    def refuse(path, *arguments, **options):
        if path == foreign.folder / "cluster.json":
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert record.load_all() == [ours]
    with pytest.raises(ClusterError, match="Permission denied"):
        record.load(foreign.settings)


def test_a_process_that_a_later_version_wrote_down_is_still_ended(tmp_path):
    written = {"name": "etcd", "pid": 1, "start_ticks": 2, "boot_id": "b", "new": 3}
    (tmp_path / "etcd.json").write_text(json.dumps(written))
    assert processes.load_all(tmp_path) == {"etcd": processes.ProcessRecord("etcd", 1, 2, "b")}
