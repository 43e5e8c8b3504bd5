"""What a watch tells, on an API server that a test plays."""

import threading

import pytest
from sluice_demo import kube_api
from sluice_demo.kube_api import KubeApi


def item(name):
    return {"metadata": {"uid": name}}


class Played(KubeApi):
    """Lists one after the other; between them a watch that cannot go on."""

    def __init__(self, *lists):
        self.stop = threading.Event()
        self._lists = list(lists)

    def get(self, path):
        return {"items": [item(name) for name in self._lists.pop(0)], "metadata": {"resourceVersion": "1"}}

    def _follow(self, path, version, stop, known, take):
        if not self._lists:
            stop.set()
            return version
        raise OSError("gone")


@pytest.mark.parametrize("changes_only, told", [
    (False, [("ADDED", "old"), ("MODIFIED", "old"), ("ADDED", "new"), ("DELETED", "old"), ("MODIFIED", "new")]),
    (True, [("MODIFIED", "old"), ("ADDED", "new"), ("DELETED", "old"), ("MODIFIED", "new")]),
], ids=["everything", "changes only"])
def test_what_was_there_before_is_told_only_where_it_is_wanted(monkeypatch, changes_only, told):
    monkeypatch.setattr(kube_api, "RETRY_S", 0)
    api = Played(["old"], ["old", "new"], ["new"])
    seen = []
    api._watch("/x", api.stop, lambda kind, each: seen.append((kind, each["metadata"]["uid"])), changes_only)
    assert seen == told
