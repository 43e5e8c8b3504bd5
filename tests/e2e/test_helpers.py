"""The tests' own eyes: that they see, and that they say so where they could not."""

import threading
import types

import kubernetes
import pytest
from gateway import Watcher
from test_drain import BUDGET, sooner_than_paced
from waiting import eventually


def watching(monkeypatch, *outcomes):
    """A Watcher whose watch of the pods meets these exceptions, one after the other, and then sees a pod."""
    left, stopped = list(outcomes), threading.Event()

    def stream(_, call, *__, **___):
        if call == "pods":
            if left:
                raise left.pop(0)
            yield {"object": "a pod"}
        stopped.wait()

    monkeypatch.setattr(kubernetes.watch.Watch, "stream", stream)
    monkeypatch.setattr(kubernetes.watch.Watch, "stop", lambda _: stopped.set())
    monkeypatch.setattr(Watcher, "_see_pod", lambda self, seen: self.deleted.append(seen))
    api = types.SimpleNamespace(list_namespaced_pod="pods", list_namespaced_custom_object="gateways")
    return Watcher(types.SimpleNamespace(name="edge", namespace="x", core=api, custom=api))


def test_a_watch_that_dies_fails_the_test(monkeypatch):
    with pytest.raises(RuntimeError, match="blind"), watching(monkeypatch, RuntimeError("blind")) as watcher:
        eventually(lambda: watcher._broken, "the watch to die")


def test_a_watch_that_dies_hides_no_failure(monkeypatch):
    with pytest.raises(AssertionError, match="first"), watching(monkeypatch, RuntimeError("blind")) as watcher:
        eventually(lambda: watcher._broken, "the watch to die")
        raise AssertionError("first")


def test_a_watch_that_expires_goes_on(monkeypatch):
    with watching(monkeypatch, kubernetes.client.ApiException(status=410)) as watcher:
        eventually(lambda: watcher.deleted == ["a pod"], "the watch to go on")


@pytest.mark.parametrize(
    "every_s, fine",
    [(1 / BUDGET, True), (0.9 / BUDGET, False), (0, False)],
    ids=["at the budget", "a tenth too fast", "all at once"],
)
def test_a_drain_that_is_faster_than_its_budget_is_seen(every_s, fine):
    times = [100 + number * every_s for number in range(60)]
    assert (sooner_than_paced(times, began=100) == []) == fine
