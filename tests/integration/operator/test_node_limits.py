"""NodeLimits: a machine that cannot carry connectionsPerPod is told of before clients come, from what its gateways measure."""

from rollouts import wait_reason
from waiting import eventually

FEW = 4096


def test_too_few_descriptors_are_told_before_they_run_out(gateways, operator, kubelet):
    kubelet.descriptors = FEW
    edge = gateways(replicas=2, capacity={"connectionsPerPod": 10000})
    first, second = edge.wait_ready(2)
    message = wait_reason(edge, "NodeLimits", "Descriptors")["message"]
    assert edge.condition("NodeLimits")["status"] == "True"
    eventually(lambda: "(and 1 more pods)" in edge.condition("NodeLimits")["message"], "both pods to be counted")
    name = next(pod.metadata.name for pod in (first, second) if message.startswith(pod.metadata.name))
    needs = f"{name} may open {FEW} descriptors and needs 10512 for 10000 connections (capacity.connectionsPerPod)"
    assert message.startswith(needs) and "raise LimitNOFILE of the container runtime, or lower connectionsPerPod" in message
    # It is told, and keeps nothing from going on.
    edge.scale(3)
    edge.wait_ready(3)

    # What the message says helps. A machine's other limits are this one's own, so the capacity asks little of them.
    edge.change(capacity={"connectionsPerPod": 100})
    told = wait_reason(edge, "NodeLimits", "Enough")
    assert told["status"] == "False"
    edge.change(capacity={"connectionsPerPod": 10000})
    wait_reason(edge, "NodeLimits", "Descriptors")


def test_one_short_machine_among_others_is_named(gateways, operator, kubelet):
    edge = gateways(replicas=1, capacity={"connectionsPerPod": 5000})
    (roomy,) = edge.wait_ready(1)
    enough = edge.condition("NodeLimits")
    assert (enough["status"], enough["reason"]) == ("False", "Enough")
    kubelet.descriptors = FEW
    edge.scale(2)
    (short,) = (pod for pod in edge.wait_ready(2) if pod.metadata.uid != roomy.metadata.uid)
    told = wait_reason(edge, "NodeLimits", "Descriptors")
    assert told["message"].startswith(f"{short.metadata.name} may open {FEW} descriptors and needs 5512 ")
    assert "more pods" not in told["message"] and told["lastTransitionTime"] >= enough["lastTransitionTime"]
