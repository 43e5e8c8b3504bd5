"""What the user sees."""

import dataclasses
import io
from pathlib import Path

from sluice_demo import verdict, view
from sluice_demo.verdict import Criterion
from story import drained_pod, event, hpa, load, pod, record_of, scraped


def test_the_screen_shows_load_hpa_pods_and_the_story():
    record = record_of(
        pod(0, "edge-aaaaa"), scraped(1, "edge-aaaaa", 1480, queue=12), pod(2, "edge-bbbbb", draining=True), load(3, 10_400),
        hpa(4, 7, "1486500m", "11600m", current=6), event(5, "DrainStarted", "edge-bbbbb leaves"), event(6, "Pulled", "x", uid="2", kind="Pod"),
    )
    record.enter("drains", 5)
    text = "\n".join(view.plain(line) for line in view.screen(record, 83.2))
    for part in ("83 s", "drains", "10,400 of 10,400 connected", "6 pods, wants 7", "1,486 of 1,500", "11.6 of 10", "edge-aaaaa",
                 "draining", "DrainStarted: edge-bbbbb leaves", "0 abnormal"):
        assert part in text, part
    assert "Pulled" not in text


def test_an_empty_record_has_a_screen_too():
    assert view.screen(record_of(), 0)


def test_without_a_terminal_each_change_is_one_line():
    record = record_of()
    out = io.StringIO()
    shown = view.View(record, 0.0, "", out)
    for seen in [pod(0, "a"), hpa(1, 2), hpa(2, 2), load(3, 10), load(4, 20), *drained_pod("b", 40, 48, 700)]:
        record.apply(seen)
        shown.refresh(seen.at)
        shown.refresh(seen.at)
    lines = out.getvalue().splitlines()
    assert sum("HPA wants 2" in line for line in lines) == 1
    assert sum("pod b: draining" in line and "deleting" not in line for line in lines) == 1
    assert sum("clients connected" in line for line in lines) == 1
    assert not any("\033" in line for line in lines)


def test_the_table_and_the_figure_lines():
    rows = [Criterion("demo.clients", 10400, "connections", ">= 10000", True), Criterion("demo.drain_time_ratio", 1.25, "ratio", "<= 1.1", True),
            Criterion("demo.adapter_rss_mb", None, "MB", "<= 30", True), Criterion("extra", 1, "pods", "", False)]
    table = [view.plain(line) for line in view.table(rows)]
    assert table[0].split() == ["demo.clients", "10400", "connections", ">=", "10000", "ok"]
    assert table[1].split() == ["demo.drain_time_ratio", "1.25", "ratio", "<=", "1.1", "FAILED"]
    assert table[2].split() == ["demo.adapter_rss_mb", "not", "measured", "MB", "<=", "30", "FAILED"]
    assert view.figures(rows) == ["figure demo.clients = 10400 connections", "figure demo.drain_time_ratio = 1.25 ratio"]
    assert not verdict.passed(rows)


def test_the_readme_shows_the_table_as_it_is_printed():
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    shown = [line for line in readme.splitlines() if line.startswith("demo.")]
    rows = verdict.criteria(record_of())
    assert [line.split()[0] for line in shown] == [row.name for row in rows if row.figure]
    measured = {line.split()[0]: float(line.split()[1]) for line in shown}
    printed = view.table([dataclasses.replace(row, value=measured.get(row.name)) for row in rows])
    assert shown == [view.plain(line) for line in printed[: len(shown)]]


def test_a_screen_is_cut_to_the_terminal_and_colours_take_no_room():
    lines = [f"{view.BOLD}0123456789{view.PLAIN}abc", "x" * 20, "not shown"]
    fitted = view.fit(lines, columns=12, rows=3)
    assert [view.plain(line) for line in fitted] == ["0123456789ab", "x" * 12]
    assert fitted[0].endswith("ab") and fitted[0].startswith(view.BOLD)
