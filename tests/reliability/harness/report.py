"""What a campaign prints: each failure at once with the command that repeats it, a table at the end."""

import collections
import time


class Tally:
    """Results as they come. Threads: the event loop's."""

    def __init__(self, write=lambda line: print(line, flush=True)):
        self.passed = self.failed = 0
        self.results = []
        self._write = write
        self._rows = collections.defaultdict(collections.Counter)
        self._states = set()
        self._told = time.monotonic()

    def add(self, plan, result):
        row = self._rows[plan.campaign]
        row["runs"] += 1
        row["reached"] += result.reached
        row["failed"] += not result.passed
        row["writes"] += len(result.writes)
        self._states |= {(plan.scenario, state) for state in result.states}
        self.passed += result.passed
        self.failed += not result.passed
        self.results.append((plan, result))
        if not result.passed:
            self._write("\n".join([f"FAILED {plan.campaign}: {result.name}", *(f"  {each}" for each in result.violations), f"  again: {result.command}", f"  story: {result.note}"]))
        elif time.monotonic() - self._told > 10:
            self._told = time.monotonic()
            self._write(f"... {self.passed + self.failed} runs, {self.failed} failed; {plan.campaign} {plan.scenario}")

    def failures(self):
        return [f"{plan.campaign}: {result.name}: {'; '.join(result.violations)} (again: {result.command})" for plan, result in self.results if not result.passed]

    def table(self, seconds):
        lines = [f"{'campaign':<12} {'runs':>6} {'reached':>8} {'failed':>7} {'writes':>8}"]
        for name, row in self._rows.items():
            lines.append(f"{name:<12} {row['runs']:>6} {row['reached']:>8} {row['failed']:>7} {row['writes']:>8}")
        runs = sum(row["runs"] for row in self._rows.values())
        reached = sum(row["reached"] for name, row in self._rows.items() if name != "reference")
        lines.append(f"{runs} runs, {reached} faults, {len(self._states)} states of the fleet, {seconds:.0f} s")
        lines.append(f"{self.passed} passed, {self.failed} failed")
        return "\n".join(lines)
