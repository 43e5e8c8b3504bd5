"""What may stand in the way of a start: the wanted cluster itself, others, and what those that ended have left."""

import contextlib

from . import clients, host, leftovers, network, record
from .errors import ClusterError
from .progress import say


def wanted_one_runs(settings):
    """Says so if it does; else tidies up what nobody needs. Raises ClusterError if a cluster runs that differs."""
    for known in _in_the_way(settings):
        alive = known.alive()
        if not known.abandoned:
            complete = alive == set(known.settings.programs)
            if complete and known.settings == settings:
                say(f"runs already; kubeconfig: {settings.kubeconfig}")
                return True
            # Of a cluster in another folder, a part that has ended may be somebody's experiment.
            if complete or (alive and known.settings.state != settings.state):
                what = "a control plane" if known.settings.control_plane_only else "the node of this machine"
                raise ClusterError(
                    f"{what} with other settings runs already; first: cluster down --state {known.settings.state}"
                )
        _tidy_up(known, settings)
    return False


def _in_the_way(settings):
    """Records of the cluster in this state folder; for a node, of the machine's one node; and of what nobody needs any
    more: clusters whose owner has ended, and those that have ended themselves and still hold the node's address."""
    known_ones = record.load_all()
    found = [record.load(settings)]
    if not settings.control_plane_only:
        found.append(record.load_full_node())
    found += [known for known in known_ones if known.abandoned]
    found += [
        known for known in known_ones if known.settings.node_address == settings.node_address and not known.alive()
    ]
    return {known.folder: known for known in found if known is not None}.values()


def _tidy_up(known, ours):
    """Takes down what is left of a cluster. Of one in another folder only if nobody is at work on it just now."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(record.locked(known.settings, beside=ours))
        except ClusterError:
            return  # whatever it holds then is named by the checks that follow
        if record.load(known.settings) != known:
            return
        if known.abandoned and known.alive():
            say(f"tidying up after process {known.owner.pid}, which ended without taking down {known.settings.state}")
        else:
            say("tidying up after a cluster that ended without `cluster down`")
        leftovers.remove(known)


def check_free(settings):
    """Raises ClusterError where somebody else has a network, an address or a port of the cluster; removes what a node
    without a record has left of its own."""
    if not settings.control_plane_only:
        clients.remove_abandoned(settings)
        if address := leftovers.remove_unrecorded(settings):
            say(f"tidied up after a node at {address}, of which there is no record in {record.RUN_DIR}")
        network.check_free(settings)
    if network.has_node_address(settings):
        raise ClusterError(_who_has_the_address(settings))
    host.check_ports(settings)


def _who_has_the_address(settings):
    remedy = "choose another --port-base"
    for known in record.load_all():
        if known.settings.node_address == settings.node_address:
            owner = f"the cluster in {known.settings.state}"
            break
    else:
        owner = "something else on this machine"
        remedy += f", or, where that is a leftover: ip address delete {settings.node_address}/32 dev lo"
    return f"{owner} has the address {settings.node_address} of port base {settings.port_base}; {remedy}"
