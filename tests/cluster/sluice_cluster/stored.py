"""What one version of this package writes down and another may read."""

import dataclasses


def known_fields(kind, values):
    """Those of `values` that the dataclass `kind` has: a later version may have written more."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in values.items() if name in names}
