"""The one exception of this package."""


class ClusterError(Exception):
    """Something the user can act on. Its text is one line, names the thing that is wrong and, where there is one, the remedy."""
