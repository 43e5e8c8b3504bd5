"""What the demo sees, and when: one dataclass for each source. `at` is time.monotonic() at the moment it was seen."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class PodSeen:
    at: float
    deleted: bool  # The watch's DELETED: the object is gone.
    pod: dict


@dataclasses.dataclass(frozen=True)
class HpaSeen:
    at: float
    hpa: dict


@dataclasses.dataclass(frozen=True)
class GatewaySeen:
    at: float
    gateway: dict


@dataclasses.dataclass(frozen=True)
class EventSeen:
    at: float
    event: dict


@dataclasses.dataclass(frozen=True)
class Scraped:
    """A pod's own /metrics, asked for by the demo and not by way of Prometheus. `values` is None where nobody answered."""

    at: float
    asked_at: float  # The answer was made after it.
    pod: str
    values: dict | None


@dataclasses.dataclass(frozen=True)
class LastWords:
    """What a gateway logged when it was told to terminate: the connections that it held at that moment."""

    at: float
    pod: str
    connections: int


@dataclasses.dataclass(frozen=True)
class LoadReported:
    """A line of the load generator."""

    at: float
    report: dict


@dataclasses.dataclass(frozen=True)
class MemorySeen:
    """Resident memory of a control plane program, the largest of its replicas."""

    at: float
    program: str
    bytes: int


@dataclasses.dataclass(frozen=True)
class Broken:
    """A source that cannot go on."""

    at: float
    what: str
