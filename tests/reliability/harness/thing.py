"""What every object says of itself."""

# An object without a namespace belongs to the run whose namespace this label names.
RUN = "reliability.sluice.dev/run"


class Thing:
    """Anything that has an `object`, as the API server writes it."""

    object: dict

    @property
    def _metadata(self):
        return self.object["metadata"]

    @property
    def name(self):
        return self._metadata["name"]

    @property
    def uid(self):
        return self._metadata["uid"]

    @property
    def namespace(self):
        """Of the run that it belongs to; None: of none."""
        return self._metadata.get("namespace") or self.labels.get(RUN)

    @property
    def terminating(self):
        return "deletionTimestamp" in self._metadata

    @property
    def labels(self):
        return self._metadata.get("labels") or {}

    @property
    def annotations(self):
        return self._metadata.get("annotations") or {}
