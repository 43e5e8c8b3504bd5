"""The one exception of this package."""


class ClusterError(Exception):
    """Something the user can act on. Its text is one line and names what is wrong and, if there is one, the remedy."""
