"""What ends a demo early."""


class DemoError(Exception):
    """One sentence for the user: what did not happen, or what is missing."""
