"""What happens to a fleet beside scaling and rolling: freezes, canaries, nodes that go, gateways that hang, full pods beside empty ones.
Times that are fields of the resource are set short."""

from . import facts
from .nodes import SCHEDULER
from .scenarios import SLOW, SPEC, scenario

# A canary's step is over within seconds: half of the fleet, by the handshakes of those who visit it.
STEP = {"steps": [{"percent": 50, "hold": "2s"}], "gates": [{"metric": "HandshakeSuccess", "minSamples": 10}]}
SECOND = {"metadata": {"annotations": {"version": "2"}}}
VISITORS_PER_SECOND = 40


@scenario("freeze")
async def freeze(run):
    """A scale-down that comes under a freeze waits for its end."""
    await run.fleet(3, connections=(12, 8, 16), drainFreeze=True)
    run.mark()
    await run.scale(2)
    await run.until(lambda: run.condition("ScaleDownBlocked").get("reason") == "DrainFreeze", "the freeze to be told")
    await run.stays(lambda: not run.draining() and len(run.pods()) == 3, 1.5, "a scale-down began under a freeze")
    await run.change(drainFreeze=False)


@scenario("freeze-midway", smoke=False, reconnectBudget=SLOW)
async def freeze_midway(run):
    """A drain under way stands still, and goes on where it was. One that was over before the operator could hear of the freeze is over."""
    await run.fleet(3, connections=(60, 40, 60))
    run.mark()
    await run.scale(2)
    await run.until(lambda: run.released() > 3 or len(run.pods()) == 2, "a drain in the middle")
    await run.change(drainFreeze=True)
    await run.until(lambda: not run.letting_go(), "a gateway that lets nobody go")
    released = run.released()
    await run.stays(lambda: run.released() == released, 1.5, "connections were released under a freeze")
    await run.change(drainFreeze=False, reconnectBudget=SPEC["reconnectBudget"])


@scenario("canary-passes", rollout={"canary": STEP})
async def canary_passes(run):
    """The step's pods hold their own against the others: the rollout goes on by itself."""
    await run.fleet(2, connections=(6, 4))
    run.visitors(VISITORS_PER_SECOND)
    run.mark()
    await run.change(template=SECOND)
    await run.until(lambda: run.converged() and run.of_one_revision(), "the fleet on the newer template")


@scenario("canary-fails", smoke=False, rollout={"canary": STEP})
async def canary_fails(run):
    """Who comes to the step's pod is refused: the rollout halts there, and goes back when the template does."""
    await run.fleet(2, connections=(6, 4))
    run.bad_versions = {"2"}
    run.visitors(VISITORS_PER_SECOND)
    run.mark()
    await run.change(template=SECOND)
    await run.until(lambda: run.rollout().get("phase") == "Halted" and not run.draining() and len(run.pods()) == 2, "a halted rollout")
    run.expect(run.condition("CanaryHealthy").get("status") == "False", "a canary that has failed is not told of")
    pods = {seen.uid for seen in run.pods()}
    await run.stays(lambda: {seen.uid for seen in run.pods()} == pods, 1.5, "a halted rollout went on")
    await run.change(template={"metadata": None})
    await run.until(lambda: run.converged() and run.of_one_revision(), "the fleet on the former template")


@scenario("node-drain", disruption={"maxUnavailable": 0}, template={"spec": {"terminationGracePeriodSeconds": 30, "schedulerName": SCHEDULER}})
async def node_drain(run):
    """`kubectl drain` and the node's end: no eviction takes a pod as long as it serves without another in its place, or drains; it is replaced elsewhere
    and drained."""
    going, *_ = await run.make_nodes(3)
    await run.fleet(2, connections=(12, 8))
    pods = run.pods_on(going)
    run.expect(len(pods) == 1, f"{len(pods)} pods on {going}, one is meant to be there")
    run.expect((status := await run.evict(pods[0])) == 429, f"the eviction of a pod that cannot be missing was answered with {status}")
    run.mark()
    await run.cordon(going)
    await run.evict_all(going)
    await run.remove_node(going)


@scenario("healing", smoke=False, healing={"observe": "1s", "timeout": "1s", "successes": 2, "grayPercent": 50, "maxKickedPercent": 25})
async def healing(run):
    """Two of four gateways hang, and one may be put out. It comes back step by step, and the other one never has to."""
    await run.fleet(4, connections=(4, 4, 4, 4))
    run.visitors(VISITORS_PER_SECOND)
    run.mark()
    first, second, *_ = run.pods()
    run.silence(first)
    await run.until(lambda: run.out(first) == "Offline", "the first one to be put out")
    run.silence(second)
    await run.until(lambda: run.condition("PodsOffline").get("reason") == "KickHeld", "the limit to be told")
    run.expect(not run.out(second), "more pods are out than may be")
    run.answer(second)
    await run.until(lambda: run.condition("PodsOffline").get("reason") == "OutOfTheFleet", "the second one to be well")
    run.answer(first)
    await run.until(lambda: run.out(first) == "GrayTraffic", "the first one to come back")


@scenario("rebalance", capacity={"connectionsPerPod": 900}, reconnectBudget={"perSecondPerReceiver": 10, "perSecondMax": 20})
async def rebalance(run):
    """A scale-up leaves full pods beside an empty one: they let go what is above the mean, two at a time, and all serve again."""
    run.understand_hints = True
    await run.fleet(3, connections=(40, 40, 40))
    run.mark()
    await run.scale(4)
    await run.until(lambda: len(run.connections()) == 4 and max(run.connections().values()) <= 37, "connections that are even")
    await run.until(lambda: all(seen.labels[facts.TRAFFIC] == "on" for seen in run.pods()), "all pods in the endpoints")
    run.expect(sum(run.connections().values()) == 120, f"120 connections have become {sum(run.connections().values())}")
