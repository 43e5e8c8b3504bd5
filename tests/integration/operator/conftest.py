"""A control plane and a node played by the tests, once for all of them; operators and a namespace for each."""

import contextlib
import sys
import tempfile
import uuid
from pathlib import Path

import control_plane as control_planes
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
# Waiting and WebSocket clients are the end-to-end tests' own.
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "e2e")]

from admin import Admin  # noqa: E402
from clients import Fleet  # noqa: E402
from operators import Operators  # noqa: E402
from planes import BUILD, PORT_BASE, prepared  # noqa: E402
from rollouts import QUICK, template, wait_summary  # noqa: E402
from rtgw import GROUP, PLURAL, VERSION, Api, Gateway, url_of  # noqa: E402
from stand_in_kubelet import Kubelet  # noqa: E402
from waiting import eventually  # noqa: E402


@pytest.fixture(scope="session")
def folder():
    with tempfile.TemporaryDirectory(prefix="sluice-") as made:
        yield Path(made)


@pytest.fixture(scope="session")
def control_plane(folder):
    """The kubeconfig of a real control plane with the CRD in it."""
    with control_planes.running(folder / "cluster", PORT_BASE) as own:
        yield prepared(own)


@pytest.fixture(scope="session")
def api(control_plane):
    return Api(control_plane)


@pytest.fixture(scope="session")
def kubelet(control_plane, folder):
    with Kubelet(control_plane, BUILD / "gateway" / "sluice-gateway", folder / "pods") as running:
        yield running


@pytest.fixture
def operators(control_plane, tmp_path):
    made = Operators(BUILD / "operator" / "sluice-operator", control_plane, tmp_path)
    yield made
    made.end()


@pytest.fixture
def namespace(api, operators, kubelet):
    """A namespace of the test's own. Its gateways are deleted by an operator, as finalizers ask for."""
    assert kubelet.failure is None, f"the stand-in for a kubelet has ended: {kubelet.failure}"
    name = f"op-{uuid.uuid4().hex[:8]}"
    api.core.create_namespace({"metadata": {"name": name}})
    yield name
    kubelet.starts = kubelet.reports = True
    kubelet.descriptors = None
    if not operators.running():
        operators.start()
    for item in api.custom.list_namespaced_custom_object(GROUP, VERSION, name, PLURAL)["items"]:
        gateway = Gateway(api, name, item["metadata"]["name"])
        gateway.change(drainFreeze=False, reconnectBudget={"perSecondPerReceiver": 1000, "perSecondMax": 1000}, drain={"propagationDelay": "0s", "hintJitter": "0s", "timeout": "1s"})
        gateway.delete()
        eventually(lambda gateway=gateway: not gateway.exists(), f"{gateway.name} to be gone")
    api.core.delete_namespace(name)


@pytest.fixture
def gateways(api, namespace):
    """Makes RealtimeGateways: gateways("edge", replicas=2, drain={...}). Does not wait."""
    return lambda name="edge", **spec: Gateway(api, namespace, name).create(**spec)


@pytest.fixture
def operator(operators):
    return operators.start()


@pytest.fixture
def edge(gateways, operator):
    """Three ready pods."""
    made = gateways(replicas=3)
    made.wait_ready(3)
    return made


@pytest.fixture
def rolled(gateways, operator):
    """Makes a RealtimeGateway of version 1 with three ready pods."""

    def make(replicas=3, **spec):
        made = gateways(replicas=replicas, template=template(1), drain=QUICK, **spec)
        made.wait_ready(replicas)
        wait_summary(made, "Complete")
        return made

    return make


@pytest.fixture
def admin(api, tmp_path):
    """Asks gateways what they say of themselves."""
    return Admin(api, tmp_path)


@pytest.fixture
def clients():
    """Connects WebSocket clients to pods and keeps them: clients(pod, 40). They only know the close code, and stay away after it."""
    with contextlib.ExitStack() as stack:

        def connect(pod, count):
            fleet = stack.enter_context(Fleet(url_of(pod), count, hints=None, reconnect=False))
            fleet.wait_connected()
            return fleet

        yield connect
