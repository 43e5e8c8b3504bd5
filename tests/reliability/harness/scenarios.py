"""What users and the world do to a gateway. A scenario is a function of a Run: it brings the fleet to its beginning, says run.mark(), and acts;
the run then waits for what the spec asks for. A new one needs no more than a function here, or in scenarios_fleet.py."""

import dataclasses

SPEC = {
    "minReadySeconds": 0,
    "reconnectBudget": {"perSecondPerReceiver": 40, "perSecondMax": 40},
    "drain": {"propagationDelay": "300ms", "hintJitter": "0s", "timeout": "20s"},
    "template": {"spec": {"terminationGracePeriodSeconds": 30}},
    # A pod whose gateway has ended and is back takes its full part again within seconds.
    "healing": {"observe": "1s"},
}
# A budget under which a drain is still under way when a scenario acts on it.
SLOW = {"perSecondPerReceiver": 4, "perSecondMax": 4}


@dataclasses.dataclass(frozen=True)
class Scenario:
    """`counts_vary`: two good runs may make and remove different numbers of objects (why: see the scenario). `only`: the one campaign it is for.
    `smoke`: `make test` goes through it."""

    name: str
    act: object
    spec: dict
    counts_vary: bool = False
    only: str = ""
    smoke: bool = True


ALL = {}


def scenario(name, counts_vary=False, only="", smoke=True, **spec):
    def add(act):
        ALL[name] = Scenario(name, act, {**SPEC, **spec}, counts_vary, only, smoke)
        return act

    return add


def everyday():
    """Names of those that all campaigns with faults go through."""
    return [name for name, each in ALL.items() if not each.only]


def smoke():
    """Names of those of them that are cheap enough for `make test`."""
    return [name for name in everyday() if ALL[name].smoke]


@scenario("create")
async def create(run):
    run.mark()
    await run.create(3, connections=(2, 2, 2))


@scenario("scale-up")
async def scale_up(run):
    await run.fleet(2, connections=(4, 4))
    run.mark()
    await run.scale(4)


@scenario("scale-down")
async def scale_down(run):
    """With a drain: the pod with the fewest connections goes. It takes longer than the operator needs to look at it a few times."""
    await run.fleet(3, connections=(80, 60, 100))
    run.mark()
    await run.scale(2)


@scenario("two-drains", scaleDown={"maxConcurrentDrains": 2})
async def two_drains(run):
    """They share the budget."""
    await run.fleet(4, connections=(12, 8, 16, 20))
    run.mark()
    await run.scale(2)


@scenario("scale-to-zero")
async def scale_to_zero(run):
    await run.fleet(2, connections=(6, 4))
    run.mark()
    await run.scale(0)


@scenario("deadline", drain={"propagationDelay": "300ms", "hintJitter": "0s", "timeout": "3s"}, reconnectBudget=SLOW)
async def deadline(run):
    """A budget that cannot finish in time: the deadline closes what is left."""
    await run.fleet(2, connections=(30, 40))
    run.mark()
    await run.scale(1)


@scenario("reversal", counts_vary=True, reconnectBudget=SLOW)
async def reversal(run):
    """Scaled down, and up again in the middle of the drain. A drain that was late, or over, is not taken back but replaced."""
    await run.fleet(3, connections=(40, 20, 40))
    run.mark()
    await run.scale(2)
    await run.until(lambda: run.released() > 3 or not run.draining() and len(run.pods()) == 2, "a drain in the middle")
    await run.scale(3)


@scenario("rollout")
async def rollout(run):
    await run.fleet(2, connections=(6, 10))
    run.mark()
    await run.change(template={"metadata": {"annotations": {"version": "2"}}})


@scenario("delete")
async def delete(run):
    """`kubectl delete`, in the background: all pods drain together."""
    await run.fleet(2, connections=(8, 12))
    run.mark()
    await run.delete()


@scenario("pod-deleted")
async def pod_deleted(run):
    """`kubectl delete pod`: it is replaced at once."""
    await run.fleet(2, connections=(4, 4))
    run.mark()
    await run.delete_pod(run.pods()[0])


@scenario("gateway-crash")
async def gateway_crash(run):
    """The gateway that drains dies, and its connections with it: there is nothing to wait for any more."""
    await run.fleet(3, connections=(60, 30, 60), reconnectBudget=SLOW)
    run.mark()
    await run.scale(2)
    victim = (await run.until(run.draining, "a drain"))[0]
    await run.until(lambda: run.released() > 3, "a drain in the middle")
    await run.crash_gateway(victim)


@scenario("gateway-restarts")
async def gateway_restarts(run):
    """A gateway dies and is started again by the kubelet: nothing is made, drained or deleted for that."""
    await run.fleet(2, connections=(6, 4))
    run.mark()
    pod = run.pods()[0]
    await run.crash_gateway(pod)
    await run.until(lambda: run.gateway()["status"].get("readyReplicas") == 1, "the crash to be told")
    await run.restart_gateway(pod)


@scenario("stranger")
async def stranger(run):
    """A pod that only has our label is neither counted nor touched."""
    await run.fleet(2, connections=(4, 6))
    await run.stranger("edge-stranger")
    run.mark()
    await run.scale(1)
