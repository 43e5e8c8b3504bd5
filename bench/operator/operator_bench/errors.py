"""The one error of this package."""


class BenchError(Exception):
    """A sentence for the person who runs it."""
