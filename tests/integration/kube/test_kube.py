"""common/kube against a real API server: the doctest program, and what happens when processes and the API server die."""

import contextlib
import subprocess
import uuid

import kubernetes
import pytest
from control_plane import eventually
from probe import Probe


@contextlib.contextmanager
def _namespace(plane):
    name = f"kube-{uuid.uuid4().hex[:8]}"
    plane.core.create_namespace({"metadata": {"name": name}})
    yield name
    plane.core.delete_namespace(name)


@pytest.fixture
def namespace(breakable_control_plane):
    with _namespace(breakable_control_plane) as name:
        yield name


@pytest.fixture
def probe(breakable_control_plane, namespace, build_dir):
    """Starts probes: `probe("elector", "one")`."""
    with contextlib.ExitStack() as started:

        def start(kind, *words):
            program = build_dir / "tests" / "integration" / "kube" / "kube_probe"
            made = Probe(program, breakable_control_plane.environment, [kind, namespace, *words])
            started.callback(made.close)
            return made

        yield start


class ConfigMaps:
    """The objects that the tests change."""

    def __init__(self, plane, namespace):
        self._core = plane.core
        self._namespace = namespace

    def create(self, name, value):
        self._core.create_namespaced_config_map(self._namespace, {"metadata": {"name": name}, "data": {"value": value}})

    def set(self, name, value):
        self._core.patch_namespaced_config_map(name, self._namespace, {"data": {"value": value}})

    def delete(self, name):
        self._core.delete_namespaced_config_map(name, self._namespace)


@pytest.fixture
def config_maps(breakable_control_plane, namespace):
    return ConfigMaps(breakable_control_plane, namespace)


def _lease(plane, namespace):
    return kubernetes.client.CoordinationV1Api(plane.api).read_namespaced_lease("lock", namespace).spec


def test_doctest_program(control_plane, build_dir):
    program = build_dir / "tests" / "integration" / "kube" / "kube_integration_test"
    done = subprocess.run(
        [program], env=control_plane.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout


def test_informer_goes_on_after_the_api_server_was_killed(breakable_control_plane, probe, config_maps):
    config_maps.create("a", "1")
    informer = probe("informer")
    informer.wait_for("synced")
    with breakable_control_plane.without("kube-apiserver"):
        pass
    config_maps.set("a", "2")
    config_maps.create("b", "1")
    informer.wait_told("a=1>2", "+b=1")
    config_maps.set("a", "3")
    config_maps.delete("b")
    informer.wait_told("-b")
    # In order, nothing twice, nothing lost.
    assert informer.told == ["+a=1", "a=1>2", "+b=1", "a=2>3", "-b"]
    assert informer.ask("state")["cache"] == {"a": "3"}
    assert informer.end() == 0


def test_informer_makes_up_for_what_it_missed(breakable_control_plane, probe, config_maps):
    """Its version is compacted away while it cannot watch: 410, a new list, and the changes between both states."""
    for name in "abcd":
        config_maps.create(name, "1")
    informer = probe("informer")
    informer.wait_for("synced")
    assert informer.ask("state")["lists"] == 1
    informer.freeze()
    # Ends the watch's connection: events that had reached it would only be late, not missed.
    breakable_control_plane.restart_api_server()
    config_maps.delete("a")  # a deletion that no watch will tell
    config_maps.delete("b")
    config_maps.create("b", "9")  # another object of that name
    config_maps.set("c", "2")
    config_maps.set("c", "3")
    config_maps.create("e", "1")
    # A new API server knows no events from before its start, and etcd no versions from before the compaction.
    breakable_control_plane.compact_etcd()
    breakable_control_plane.restart_api_server()
    informer.thaw()
    informer.wait_told("+e=1")
    assert informer.told[:4] == ["+a=1", "+b=1", "+c=1", "+d=1"]
    assert informer.told[4:] == ["-a", "-b", "+b=9", "c=1>3", "+e=1"]
    state = informer.ask("state")
    assert state["cache"] == {"b": "9", "c": "3", "d": "1", "e": "1"}
    assert state["lists"] == 2
    config_maps.set("d", "2")
    informer.wait_told("d=1>2")
    assert informer.end() == 0


def test_informer_starts_before_the_api_server(breakable_control_plane, probe, config_maps):
    config_maps.create("a", "1")
    with breakable_control_plane.without("kube-apiserver"):
        informer = probe("informer")
        assert informer.ask("state")["cache"] == {}
    informer.wait_told("+a=1")
    assert informer.end() == 0


def test_killed_leader_is_followed_when_its_lease_expires(breakable_control_plane, namespace, probe):
    one = probe("elector", "one")
    one.wait_told("started")
    two = probe("elector", "two")
    two.wait_for("running")
    assert two.ask("leading") == {"leading": False}
    one.kill()
    two.wait_told("started")
    assert _lease(breakable_control_plane, namespace).holder_identity == "two"
    assert two.end() == 0
    # In good order it lets go: nobody would have to wait.
    released = _lease(breakable_control_plane, namespace)
    assert not released.holder_identity
    assert released.lease_duration_seconds == 1
    assert two.told == ["started"]


def test_frozen_leader_learns_that_it_has_lost(breakable_control_plane, namespace, probe):
    one = probe("elector", "one", "6")
    one.wait_told("started")
    two = probe("elector", "two", "6")
    one.freeze()
    two.wait_told("started")
    one.thaw()
    one.wait_told("lost")
    assert one.ask("leading") == {"leading": False}
    assert two.ask("leading") == {"leading": True}
    assert one.end() == 0
    assert _lease(breakable_control_plane, namespace).holder_identity == "two"


def test_leader_without_an_api_server_stops_in_time(breakable_control_plane, probe):
    one = probe("elector", "one", "6")
    one.wait_told("started")
    with breakable_control_plane.without("kube-apiserver"):
        one.wait_told("lost")
    assert one.told == ["started", "lost"]
    assert one.end() == 0


def test_leader_stays_through_a_short_outage(breakable_control_plane, namespace, probe):
    one = probe("elector", "one")
    one.wait_told("started")
    before = _lease(breakable_control_plane, namespace).renew_time
    breakable_control_plane.restart_api_server()
    eventually(lambda: _lease(breakable_control_plane, namespace).renew_time > before, "a renewal after the outage")
    assert one.ask("leading") == {"leading": True}
    assert one.told == ["started"]
    assert one.end() == 0


def test_events_wait_for_the_api_server(breakable_control_plane, namespace, probe, config_maps):
    config_maps.create("edge", "1")
    events = probe("events")
    events.wait_for("running")
    with breakable_control_plane.without("kube-apiserver"):
        assert events.ask("said while it was away") == {"recorded": "said while it was away"}

    def notes():
        return [event.message for event in breakable_control_plane.core.list_namespaced_event(namespace).items]

    eventually(notes, "the event")
    assert notes() == ["said while it was away"]
    assert events.end() == 0
