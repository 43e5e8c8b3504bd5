"""A file for each scenario: run(world, options) answers {figure: value}, and says the parts of each figure as it goes."""

from ..figures import FIGURES
from . import drain, failover, fleet, scale

SCENARIOS = {"scale": scale.run, "fleet": fleet.run, "drain": drain.run, "failover": failover.run}
_PARTS = {"scale": ("scale1000",), "fleet": ("rss5000", "event_latency", "idle5000"), "drain": ("drain",), "failover": ("failover",)}
# The figures of each.
TOLD_BY = {scenario: [name for name in FIGURES if name.split(".")[1] in parts] for scenario, parts in _PARTS.items()}
