"""What the user sees while it runs: a screen a second on a terminal, a line for each change elsewhere."""

import re
import shutil
import sys

from .record import CONNECTIONS_METRIC, QUEUE_METRIC, hpa_targets

WIDTH = 118
HAPPENINGS_SHOWN = 6
CLEAR = "\033[H\033[J"
BOLD, DIM, RED, GREEN, YELLOW, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"
COLOUR = re.compile(r"\033\[\d+m")
# Of a namespace's events those that tell the story of the gateway.
STORY = ("RealtimeGateway/", "HorizontalPodAutoscaler/")


def screen(record, elapsed_s, note=""):
    """The screen's lines. Pure."""
    lines = [f"{BOLD}Sluice{PLAIN}  {elapsed_s:5.0f} s   {BOLD}{record.phase}{PLAIN}   {DIM}{note}{PLAIN}", ""]
    return [*lines, *_load_lines(record.load), *_hpa_lines(record), "", *_pod_lines(record, elapsed_s), "", *_happening_lines(record)]


def _load_lines(load):
    if load is None:
        return ["clients   none yet"]
    echoes, ends, connects, tasks = load["echoes"], load["ends"], load["connects"], load["tasks"]
    latency = load["latency_ms"]["second"]
    wrong = sum(echoes[kind] for kind in ("lost", "duplicate", "reordered", "corrupt"))
    lines = [
        f"clients   {load['connected']:>7,} of {load['target']:,} connected, {load['connecting']:,} connecting, {load['retiring']:,} leaving",
        f"echoes    {echoes['received']:>7,} of {echoes['sent']:,} answered, {_bad(wrong, 'lost or wrong')}, "
        f"p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms",
        f"ends      {ends['own_1000']:>7,} by the client, {ends['hinted_1012']:,} by a hinted 1012, {_bad(ends['abnormal']['total'], 'abnormal')}",
        f"moves     {connects['overlaps']:>7,} made before the break, of {load['hints']:,} hints; {connects['refused']['total']:,} attempts refused",
    ]
    if tasks["sent"]:
        lines.append(
            f"tasks     {tasks['answered']:>7,} of {tasks['sent']:,} answered, {tasks['outstanding']:,} awaited, "
            f"{_bad(tasks['lost'] + tasks['wrong'], 'lost or wrong')}"
        )
    return lines


def _bad(count, what):
    return f"{RED if count else GREEN}{count:,} {what}{PLAIN}"


def _hpa_lines(record):
    if not record.hpa:
        return []
    last, targets = record.hpa[-1], hpa_targets(record.hpa_object)
    return [
        f"HPA       {last.current:>7} pods, wants {BOLD}{last.desired}{PLAIN}; connections a pod {_average(last.connections_average)} "
        f"of {targets[CONNECTIONS_METRIC]:,.0f}, tasks waiting a pod {_average(last.queue_average)} of {targets[QUEUE_METRIC]:,.0f}"
    ]


def _average(value):
    return "unknown" if value is None else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _pod_lines(record, elapsed_s):
    lines = [f"{DIM}POD           STATE      READY  CONNECTIONS  TASKS  DRAIN{PLAIN}"]
    for pod in sorted(record.living, key=lambda each: (each.seen_at, each.name)):
        state = "deleting" if pod.deleting_at else pod.state or "new"
        colour = YELLOW if pod.drain else DIM if not pod.ready else ""
        drain = f"{pod.drain.initial:,} at the start, {pod.drain.reason}" if pod.drain else ""
        lines.append(
            f"{colour}{pod.name:<13} {state:<10} {'yes' if pod.ready else 'no':<5}  {pod.connections:>11,}  {pod.queue:>5.0f}  {drain}{PLAIN}"
        )
    return lines


def _happening_lines(record):
    told = [each for each in record.happenings if each.subject.startswith(STORY)]
    return [f"{DIM}{_short(each)}{PLAIN}" for each in told[-HAPPENINGS_SHOWN:]]


def _short(happening):
    text = f"{happening.subject}: {happening.reason}: {happening.message}"
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def fit(lines, columns, rows):
    """The lines cut to a terminal's size; colours take no room. Pure."""
    return [_cut(line, columns) for line in lines[: rows - 1]]


def _cut(line, columns):
    out, room = [], columns
    for part in re.split(f"({COLOUR.pattern})", line):
        if COLOUR.fullmatch(part):
            out.append(part)
        else:
            out.append(part[:room])
            room -= len(out[-1])
    return "".join(out)


class View:
    """refresh() may be called as often as one likes. `now` is passed in."""

    EVERY_S = 1.0

    def __init__(self, record, started_at, note, out=sys.stdout):
        self._record = record
        self._started_at = started_at
        self._note = note
        self._out = out
        self._terminal = out.isatty()
        self._next = 0.0
        self._told = 0
        self._last = {}

    def refresh(self, now):
        if not self._terminal:
            self._tell_changes(now)
        elif now >= self._next:
            self._next = now + self.EVERY_S
            lines = screen(self._record, now - self._started_at, self._note)
            self._out.write(CLEAR + "\n".join(fit(lines, *shutil.get_terminal_size((WIDTH, 40)))) + "\n")
            self._out.flush()

    def say(self, now, text):
        """A line of its own; on a terminal only before the first screen and after the last."""
        self._out.write(f"{now - self._started_at:5.0f} s  {text}\n")
        self._out.flush()

    def _tell_changes(self, now):
        record = self._record
        for each in record.happenings[self._told :]:
            if each.subject.startswith(STORY):
                self.say(now, _short(each))
        self._told = len(record.happenings)
        if self._changed("phase", record.phase):
            self.say(now, f"--- {record.phase}")
        load, hpa = record.load, record.hpa[-1] if record.hpa else None
        if hpa and self._changed("desired", hpa.desired):
            self.say(now, f"HPA wants {hpa.desired} pods; connections {_average(hpa.connections_average)}, queue {_average(hpa.queue_average)} a pod")
        if load and self._changed("thousands", load["connected"] // 1000):
            self.say(now, f"{load['connected']:,} clients connected, {load['echoes']['received']:,} echoes")
        if load and self._changed("abnormal", load["ends"]["abnormal"]["total"]) and load["ends"]["abnormal"]["total"]:
            self.say(now, f"abnormal ends: {load['ends']['abnormal']['kinds']}")
        states = {pod.uid: (pod.name, pod.state, pod.ready, bool(pod.deleting_at)) for pod in record.living}
        for uid, (name, state, ready, deleting) in states.items():
            if self._changed(uid, (state, ready, deleting)):
                words = [state or "new", "ready" if ready else "not ready", *(["deleting"] if deleting else [])]
                self.say(now, f"pod {name}: {', '.join(words)}, {record.pods[uid].connections:,} connections")

    def _changed(self, key, value):
        before = self._last.get(key)
        self._last[key] = value
        return before != value


def table(rows):
    """The criteria as lines. Pure."""
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        mark = f"{GREEN}ok{PLAIN}" if row.good else f"{RED}FAILED{PLAIN}"
        lines.append(f"{row.name:<{width}}  {row.text:>12} {row.unit:<12} {row.bound:<9} {mark}")
    return lines


def plain(line):
    """Without colours."""
    return COLOUR.sub("", line)


def figures(rows):
    """Lines for `make bench-demo`. Pure."""
    return [f"figure {row.name} = {row.text} {row.unit}" for row in rows if row.figure and row.value is not None]
