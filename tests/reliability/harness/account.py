"""What one gateway did to its connections: the record that the budget's and the deletion's oracles judge by."""

import dataclasses


@dataclasses.dataclass
class Account:
    """Times are time.monotonic(). `released`: when a token of the budget was spent on a connection; `closed`: (when, how), how being "paced"
    (by the budget), "deadline", "terminating" (by the grace period of a deleted pod) or "killed" (the gateway died)."""

    pod: str
    uid: str
    released: list = dataclasses.field(default_factory=list)
    closed: list = dataclasses.field(default_factory=list)

    def count(self, how):
        return sum(1 for _, each in self.closed if each == how)
