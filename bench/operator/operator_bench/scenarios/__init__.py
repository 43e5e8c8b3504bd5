"""A file for each scenario: run(world, options) answers {figure: value}, and says the parts of each figure as it goes."""

from . import drain, failover, fleet, scale

SCENARIOS = {"scale": scale.run, "fleet": fleet.run, "drain": drain.run, "failover": failover.run}
