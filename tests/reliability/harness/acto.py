"""The Acto campaign: every field of the CRD is offered values, living gateways follow chains of them and are rolled back, and error states are left again."""

import copy
import random

import yaml

from . import consistency, schema
from .fleet import GATEWAY
from .kube import KubeError
from .run import Result
from .scenarios import SPEC, Scenario, scenario
from .world import ROOT

CRD = ROOT / "crds" / "realtimegateways.sluice.dev.yaml"
CHAIN_LENGTH = 4
REPLICAS = 2


def all_mutations():
    return list(schema.mutations(schema.spec_schema(yaml.safe_load(CRD.read_text()))))


def live_mutations():
    return [mutation for mutation in all_mutations() if mutation.live]


async def offer(world, namespace, mutation):
    """Offers one value to the API server, by dry run. What must be refused must be refused by a sentence that names the field; so must be what a
    rule over several fields refuses."""
    result = Result(f"offered {mutation}", f"tests/reliability/campaign offer '{'.'.join(map(str, mutation.path))}'", reached=True)
    body = {"apiVersion": "sluice.dev/v1alpha1", "kind": "RealtimeGateway", "metadata": {"name": GATEWAY}}
    try:
        await world.kube.create("realtimegateways", namespace, {**body, "spec": mutation.applied({**SPEC, "replicas": REPLICAS})}, dryRun="All")
        if mutation.kind in ("invalid", "type"):
            result.violations.append("it was accepted")
    except KubeError as refused:
        if refused.status not in (400, 422):
            result.violations.append(f"refused with {refused}")
        elif mutation.field not in refused.message:
            result.violations.append(f"the refusal does not name {mutation.field}: {refused.message}")
    return result


def chain_scenario(name):
    """chain-N: the mutations N x CHAIN_LENGTH and following of the shuffled live ones, one after the other on one gateway, then all taken back."""
    number = int(name.removeprefix("chain-"))
    live = live_mutations()
    random.Random(1).shuffle(live)
    steps = live[number * CHAIN_LENGTH : (number + 1) * CHAIN_LENGTH]

    async def act(run):
        await run.fleet(REPLICAS, connections=(3, 5))
        base = copy.deepcopy(run.gateway()["spec"])
        run.mark()
        spec = base
        for step in steps:
            tried = step.applied(spec)
            try:
                await run.replace(tried)
            except KubeError as refused:
                if refused.status != 422:
                    raise
                continue  # A rule over several fields: with what came before, this one is not valid.
            spec = copy.deepcopy(run.gateway()["spec"])
            await run.until(run.converged, f"rest after {step}")
            run.violations += [f"after {step}: {each}" for each in consistency.complaints(run.gateway(), run.pods(), run.objects)]
        await run.replace(base)

    return Scenario(name, act, SPEC, counts_vary=True)


def chains():
    return [f"chain-{number}" for number in range((len(live_mutations()) + CHAIN_LENGTH - 1) // CHAIN_LENGTH)]


@scenario("fresh", only="acto")
async def fresh(run):
    """What a chain must come back to."""
    await run.fleet(REPLICAS, connections=(3, 5))
    run.mark()


@scenario("bad-image", only="acto", counts_vary=True)
async def bad_image(run):
    """An image that nobody has stops the rollout, costs no pod that serves, and is left behind by the right one."""
    await run.fleet(REPLICAS, connections=(3, 5))
    run.mark()
    run.bad_images.add("sluice.dev/none:0")
    await run.change(template={"spec": {"containers": [{"name": "gateway", "image": "sluice.dev/none:0"}]}})
    await run.until(lambda: any(_waits_for_image(seen) for seen in run.pods()), "a pod that waits for its image")
    run.expect(sum(run.serves(seen) for seen in run.pods()) == REPLICAS, "a rollout that cannot succeed has cost a pod")
    await run.change(template={"spec": {"containers": None}})


@scenario("bad-template", only="acto")
async def bad_template(run):
    """A template that the API server refuses changes nothing, and is told of."""
    await run.fleet(REPLICAS, connections=(3, 5))
    run.mark()
    await run.change(template={"spec": {"containers": [{"name": "gateway", "ports": [{"containerPort": 99999}]}]}})
    await run.until(lambda: run.condition("Progressing").get("reason") == "TemplateRefused", "the refusal to be told")
    run.expect("containerPort" in run.condition("Progressing")["message"], "the condition does not name the field")
    await run.change(template={"spec": {"containers": None}})


@scenario("quota", only="acto")
async def quota(run):
    """Pods that a quota refuses come once it lets them."""
    await run.fleet(1, connections=(3,))
    await run.limit_pods(1)
    run.mark()
    await run.scale(REPLICAS)
    await run.until(lambda: run.condition("Progressing").get("reason") == "CreateFailed", "the refusal to be told")
    await run.limit_pods(10)


RECOVERIES = ("bad-image", "bad-template", "quota")


def _waits_for_image(seen):
    return any("waiting" in container.get("state", {}) for container in seen.object["status"].get("containerStatuses", []))
